from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Format(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FORMAT_UNSPECIFIED: _ClassVar[Format]
    LINE: _ClassVar[Format]
    JSON: _ClassVar[Format]
    SYSLOG: _ClassVar[Format]
    CSV: _ClassVar[Format]
    TSV: _ClassVar[Format]
    ZEEK: _ClassVar[Format]
    KEY_VALUE: _ClassVar[Format]
    CEF: _ClassVar[Format]
    LEEF: _ClassVar[Format]

class PersonalData(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NOT_PERSONAL: _ClassVar[PersonalData]
    ADDRESS: _ClassVar[PersonalData]
    USER: _ClassVar[PersonalData]
    HOST: _ClassVar[PersonalData]
    FREE_TEXT: _ClassVar[PersonalData]

class Signal(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SIGNAL_UNSPECIFIED: _ClassVar[Signal]
    FEATURES: _ClassVar[Signal]
    TEMPLATES: _ClassVar[Signal]
    SCORES: _ClassVar[Signal]
    ALERT_RATE: _ClassVar[Signal]
    VOLUME: _ClassVar[Signal]
    LABELS: _ClassVar[Signal]

class Action(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACTION_UNSPECIFIED: _ClassVar[Action]
    RETRAIN: _ClassVar[Action]
    HOLD: _ClassVar[Action]
    PAGE: _ClassVar[Action]

class Cell(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CELL_UNSPECIFIED: _ClassVar[Cell]
    GRU: _ClassVar[Cell]
    LSTM: _ClassVar[Cell]
    RNN: _ClassVar[Cell]

class Tokens(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TOKENS_UNSPECIFIED: _ClassVar[Tokens]
    CHARACTER: _ClassVar[Tokens]
    WORD: _ClassVar[Tokens]
    BPE: _ClassVar[Tokens]

class Fusion(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MAX: _ClassVar[Fusion]
    SUM: _ClassVar[Fusion]
    MIN: _ClassVar[Fusion]

class Treatment(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KEEP: _ClassVar[Treatment]
    PSEUDONYM: _ClassVar[Treatment]
    GENERALISE: _ClassVar[Treatment]
    DROP: _ClassVar[Treatment]

class KeyPeriod(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DAY: _ClassVar[KeyPeriod]
    HOUR: _ClassVar[KeyPeriod]
FORMAT_UNSPECIFIED: Format
LINE: Format
JSON: Format
SYSLOG: Format
CSV: Format
TSV: Format
ZEEK: Format
KEY_VALUE: Format
CEF: Format
LEEF: Format
NOT_PERSONAL: PersonalData
ADDRESS: PersonalData
USER: PersonalData
HOST: PersonalData
FREE_TEXT: PersonalData
SIGNAL_UNSPECIFIED: Signal
FEATURES: Signal
TEMPLATES: Signal
SCORES: Signal
ALERT_RATE: Signal
VOLUME: Signal
LABELS: Signal
ACTION_UNSPECIFIED: Action
RETRAIN: Action
HOLD: Action
PAGE: Action
CELL_UNSPECIFIED: Cell
GRU: Cell
LSTM: Cell
RNN: Cell
TOKENS_UNSPECIFIED: Tokens
CHARACTER: Tokens
WORD: Tokens
BPE: Tokens
MAX: Fusion
SUM: Fusion
MIN: Fusion
KEEP: Treatment
PSEUDONYM: Treatment
GENERALISE: Treatment
DROP: Treatment
DAY: KeyPeriod
HOUR: KeyPeriod

class Source(_message.Message):
    __slots__ = ("name", "display_name", "description", "owners", "tags", "format", "pattern", "accept", "fields", "event_time", "message", "max_reject_rate", "samples", "record_start", "header")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    OWNERS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    PATTERN_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    MAX_REJECT_RATE_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    RECORD_START_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    description: str
    owners: _containers.RepeatedScalarFieldContainer[str]
    tags: _containers.ScalarMap[str, str]
    format: Format
    pattern: str
    accept: Expression
    fields: _containers.RepeatedCompositeFieldContainer[Field]
    event_time: str
    message: str
    max_reject_rate: float
    samples: _containers.RepeatedScalarFieldContainer[str]
    record_start: str
    header: bool
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., description: _Optional[str] = ..., owners: _Optional[_Iterable[str]] = ..., tags: _Optional[_Mapping[str, str]] = ..., format: _Optional[_Union[Format, str]] = ..., pattern: _Optional[str] = ..., accept: _Optional[_Union[Expression, _Mapping]] = ..., fields: _Optional[_Iterable[_Union[Field, _Mapping]]] = ..., event_time: _Optional[str] = ..., message: _Optional[str] = ..., max_reject_rate: _Optional[float] = ..., samples: _Optional[_Iterable[str]] = ..., record_start: _Optional[str] = ..., header: _Optional[bool] = ...) -> None: ...

class Expression(_message.Message):
    __slots__ = ("index", "definition")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    DEFINITION_FIELD_NUMBER: _ClassVar[int]
    index: _containers.RepeatedScalarFieldContainer[str]
    definition: str
    def __init__(self, index: _Optional[_Iterable[str]] = ..., definition: _Optional[str] = ...) -> None: ...

class Field(_message.Message):
    __slots__ = ("name", "display_name", "description", "data_type", "index", "definition", "personal_data", "required")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    DATA_TYPE_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    DEFINITION_FIELD_NUMBER: _ClassVar[int]
    PERSONAL_DATA_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    description: str
    data_type: str
    index: _containers.RepeatedScalarFieldContainer[str]
    definition: str
    personal_data: PersonalData
    required: bool
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., description: _Optional[str] = ..., data_type: _Optional[str] = ..., index: _Optional[_Iterable[str]] = ..., definition: _Optional[str] = ..., personal_data: _Optional[_Union[PersonalData, str]] = ..., required: _Optional[bool] = ...) -> None: ...

class FeatureView(_message.Message):
    __slots__ = ("name", "display_name", "description", "owners", "tags", "source", "event", "window", "session", "features")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    OWNERS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    description: str
    owners: _containers.RepeatedScalarFieldContainer[str]
    tags: _containers.ScalarMap[str, str]
    source: str
    event: EventUnit
    window: WindowUnit
    session: SessionUnit
    features: _containers.RepeatedCompositeFieldContainer[Feature]
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., description: _Optional[str] = ..., owners: _Optional[_Iterable[str]] = ..., tags: _Optional[_Mapping[str, str]] = ..., source: _Optional[str] = ..., event: _Optional[_Union[EventUnit, _Mapping]] = ..., window: _Optional[_Union[WindowUnit, _Mapping]] = ..., session: _Optional[_Union[SessionUnit, _Mapping]] = ..., features: _Optional[_Iterable[_Union[Feature, _Mapping]]] = ...) -> None: ...

class EventUnit(_message.Message):
    __slots__ = ("entity",)
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    entity: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, entity: _Optional[_Iterable[str]] = ...) -> None: ...

class WindowUnit(_message.Message):
    __slots__ = ("entity", "every")
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    EVERY_FIELD_NUMBER: _ClassVar[int]
    entity: _containers.RepeatedScalarFieldContainer[str]
    every: str
    def __init__(self, entity: _Optional[_Iterable[str]] = ..., every: _Optional[str] = ...) -> None: ...

class SessionUnit(_message.Message):
    __slots__ = ("key",)
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: str
    def __init__(self, key: _Optional[str] = ...) -> None: ...

class Feature(_message.Message):
    __slots__ = ("name", "display_name", "description", "data_type", "definition")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    DATA_TYPE_FIELD_NUMBER: _ClassVar[int]
    DEFINITION_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    description: str
    data_type: str
    definition: str
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., description: _Optional[str] = ..., data_type: _Optional[str] = ..., definition: _Optional[str] = ...) -> None: ...

class GoldenDataset(_message.Message):
    __slots__ = ("name", "display_name", "description", "owners", "tags", "feature_view", "classes", "technique", "holdout", "canaries", "refresh", "expires_after", "max_contributor_share")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    OWNERS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    FEATURE_VIEW_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    TECHNIQUE_FIELD_NUMBER: _ClassVar[int]
    HOLDOUT_FIELD_NUMBER: _ClassVar[int]
    CANARIES_FIELD_NUMBER: _ClassVar[int]
    REFRESH_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AFTER_FIELD_NUMBER: _ClassVar[int]
    MAX_CONTRIBUTOR_SHARE_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    description: str
    owners: _containers.RepeatedScalarFieldContainer[str]
    tags: _containers.ScalarMap[str, str]
    feature_view: str
    classes: _containers.RepeatedCompositeFieldContainer[Class]
    technique: str
    holdout: Holdout
    canaries: _containers.RepeatedCompositeFieldContainer[Canary]
    refresh: Refresh
    expires_after: str
    max_contributor_share: float
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., description: _Optional[str] = ..., owners: _Optional[_Iterable[str]] = ..., tags: _Optional[_Mapping[str, str]] = ..., feature_view: _Optional[str] = ..., classes: _Optional[_Iterable[_Union[Class, _Mapping]]] = ..., technique: _Optional[str] = ..., holdout: _Optional[_Union[Holdout, _Mapping]] = ..., canaries: _Optional[_Iterable[_Union[Canary, _Mapping]]] = ..., refresh: _Optional[_Union[Refresh, _Mapping]] = ..., expires_after: _Optional[str] = ..., max_contributor_share: _Optional[float] = ...) -> None: ...

class Canary(_message.Message):
    __slots__ = ("name", "technique", "description", "lines")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TECHNIQUE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    name: str
    technique: str
    description: str
    lines: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., technique: _Optional[str] = ..., description: _Optional[str] = ..., lines: _Optional[_Iterable[str]] = ...) -> None: ...

class Refresh(_message.Message):
    __slots__ = ("units", "days")
    UNITS_FIELD_NUMBER: _ClassVar[int]
    DAYS_FIELD_NUMBER: _ClassVar[int]
    units: int
    days: int
    def __init__(self, units: _Optional[int] = ..., days: _Optional[int] = ...) -> None: ...

class Class(_message.Message):
    __slots__ = ("name", "aliases", "positive")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ALIASES_FIELD_NUMBER: _ClassVar[int]
    POSITIVE_FIELD_NUMBER: _ClassVar[int]
    name: str
    aliases: _containers.RepeatedScalarFieldContainer[str]
    positive: bool
    def __init__(self, name: _Optional[str] = ..., aliases: _Optional[_Iterable[str]] = ..., positive: _Optional[bool] = ...) -> None: ...

class Holdout(_message.Message):
    __slots__ = ("group", "time")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    group: GroupHoldout
    time: TimeHoldout
    def __init__(self, group: _Optional[_Union[GroupHoldout, _Mapping]] = ..., time: _Optional[_Union[TimeHoldout, _Mapping]] = ...) -> None: ...

class GroupHoldout(_message.Message):
    __slots__ = ("keys", "test_share", "validation_share")
    KEYS_FIELD_NUMBER: _ClassVar[int]
    TEST_SHARE_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_SHARE_FIELD_NUMBER: _ClassVar[int]
    keys: _containers.RepeatedScalarFieldContainer[str]
    test_share: float
    validation_share: float
    def __init__(self, keys: _Optional[_Iterable[str]] = ..., test_share: _Optional[float] = ..., validation_share: _Optional[float] = ...) -> None: ...

class TimeHoldout(_message.Message):
    __slots__ = ("validation_from", "test_from")
    VALIDATION_FROM_FIELD_NUMBER: _ClassVar[int]
    TEST_FROM_FIELD_NUMBER: _ClassVar[int]
    validation_from: str
    test_from: str
    def __init__(self, validation_from: _Optional[str] = ..., test_from: _Optional[str] = ...) -> None: ...

class Detector(_message.Message):
    __slots__ = ("name", "display_name", "description", "owners", "tags", "golden_dataset", "features", "gradient_boosting", "pca_spe", "isolation_forest", "random_forest", "logistic_regression", "nearest_neighbours", "mahalanobis", "log_key_sequence", "language_model", "flow_sequence", "text_ngrams", "text_cnn", "ensemble", "sequence_ngrams", "sequence_sets", "operating_point", "gate", "seed", "warm_start", "early", "slow", "drift", "cadence")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    OWNERS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    GOLDEN_DATASET_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_BOOSTING_FIELD_NUMBER: _ClassVar[int]
    PCA_SPE_FIELD_NUMBER: _ClassVar[int]
    ISOLATION_FOREST_FIELD_NUMBER: _ClassVar[int]
    RANDOM_FOREST_FIELD_NUMBER: _ClassVar[int]
    LOGISTIC_REGRESSION_FIELD_NUMBER: _ClassVar[int]
    NEAREST_NEIGHBOURS_FIELD_NUMBER: _ClassVar[int]
    MAHALANOBIS_FIELD_NUMBER: _ClassVar[int]
    LOG_KEY_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_MODEL_FIELD_NUMBER: _ClassVar[int]
    FLOW_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TEXT_NGRAMS_FIELD_NUMBER: _ClassVar[int]
    TEXT_CNN_FIELD_NUMBER: _ClassVar[int]
    ENSEMBLE_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_NGRAMS_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_SETS_FIELD_NUMBER: _ClassVar[int]
    OPERATING_POINT_FIELD_NUMBER: _ClassVar[int]
    GATE_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    WARM_START_FIELD_NUMBER: _ClassVar[int]
    EARLY_FIELD_NUMBER: _ClassVar[int]
    SLOW_FIELD_NUMBER: _ClassVar[int]
    DRIFT_FIELD_NUMBER: _ClassVar[int]
    CADENCE_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    description: str
    owners: _containers.RepeatedScalarFieldContainer[str]
    tags: _containers.ScalarMap[str, str]
    golden_dataset: str
    features: _containers.RepeatedScalarFieldContainer[str]
    gradient_boosting: GradientBoosting
    pca_spe: PcaSpe
    isolation_forest: IsolationForest
    random_forest: RandomForest
    logistic_regression: LogisticRegression
    nearest_neighbours: NearestNeighbours
    mahalanobis: Mahalanobis
    log_key_sequence: LogKeySequence
    language_model: LanguageModel
    flow_sequence: FlowSequence
    text_ngrams: TextNgrams
    text_cnn: TextCnn
    ensemble: Ensemble
    sequence_ngrams: SequenceNgrams
    sequence_sets: SequenceSets
    operating_point: OperatingPoint
    gate: Gate
    seed: int
    warm_start: bool
    early: bool
    slow: _containers.RepeatedCompositeFieldContainer[SlowFeatures]
    drift: DriftPolicy
    cadence: Cadence
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., description: _Optional[str] = ..., owners: _Optional[_Iterable[str]] = ..., tags: _Optional[_Mapping[str, str]] = ..., golden_dataset: _Optional[str] = ..., features: _Optional[_Iterable[str]] = ..., gradient_boosting: _Optional[_Union[GradientBoosting, _Mapping]] = ..., pca_spe: _Optional[_Union[PcaSpe, _Mapping]] = ..., isolation_forest: _Optional[_Union[IsolationForest, _Mapping]] = ..., random_forest: _Optional[_Union[RandomForest, _Mapping]] = ..., logistic_regression: _Optional[_Union[LogisticRegression, _Mapping]] = ..., nearest_neighbours: _Optional[_Union[NearestNeighbours, _Mapping]] = ..., mahalanobis: _Optional[_Union[Mahalanobis, _Mapping]] = ..., log_key_sequence: _Optional[_Union[LogKeySequence, _Mapping]] = ..., language_model: _Optional[_Union[LanguageModel, _Mapping]] = ..., flow_sequence: _Optional[_Union[FlowSequence, _Mapping]] = ..., text_ngrams: _Optional[_Union[TextNgrams, _Mapping]] = ..., text_cnn: _Optional[_Union[TextCnn, _Mapping]] = ..., ensemble: _Optional[_Union[Ensemble, _Mapping]] = ..., sequence_ngrams: _Optional[_Union[SequenceNgrams, _Mapping]] = ..., sequence_sets: _Optional[_Union[SequenceSets, _Mapping]] = ..., operating_point: _Optional[_Union[OperatingPoint, _Mapping]] = ..., gate: _Optional[_Union[Gate, _Mapping]] = ..., seed: _Optional[int] = ..., warm_start: _Optional[bool] = ..., early: _Optional[bool] = ..., slow: _Optional[_Iterable[_Union[SlowFeatures, _Mapping]]] = ..., drift: _Optional[_Union[DriftPolicy, _Mapping]] = ..., cadence: _Optional[_Union[Cadence, _Mapping]] = ...) -> None: ...

class DriftPolicy(_message.Message):
    __slots__ = ("rules",)
    RULES_FIELD_NUMBER: _ClassVar[int]
    rules: _containers.RepeatedCompositeFieldContainer[DriftRule]
    def __init__(self, rules: _Optional[_Iterable[_Union[DriftRule, _Mapping]]] = ...) -> None: ...

class DriftRule(_message.Message):
    __slots__ = ("signal", "days", "action")
    SIGNAL_FIELD_NUMBER: _ClassVar[int]
    DAYS_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    signal: Signal
    days: int
    action: Action
    def __init__(self, signal: _Optional[_Union[Signal, str]] = ..., days: _Optional[int] = ..., action: _Optional[_Union[Action, str]] = ...) -> None: ...

class Cadence(_message.Message):
    __slots__ = ("cron", "jitter", "time_zone")
    CRON_FIELD_NUMBER: _ClassVar[int]
    JITTER_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    cron: str
    jitter: str
    time_zone: str
    def __init__(self, cron: _Optional[str] = ..., jitter: _Optional[str] = ..., time_zone: _Optional[str] = ...) -> None: ...

class SlowFeatures(_message.Message):
    __slots__ = ("view", "features", "max_age")
    VIEW_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    MAX_AGE_FIELD_NUMBER: _ClassVar[int]
    view: str
    features: _containers.RepeatedScalarFieldContainer[str]
    max_age: str
    def __init__(self, view: _Optional[str] = ..., features: _Optional[_Iterable[str]] = ..., max_age: _Optional[str] = ...) -> None: ...

class GradientBoosting(_message.Message):
    __slots__ = ("iterations", "learning_rate", "max_leaf_nodes", "min_samples_leaf", "l2_regularization")
    ITERATIONS_FIELD_NUMBER: _ClassVar[int]
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    MAX_LEAF_NODES_FIELD_NUMBER: _ClassVar[int]
    MIN_SAMPLES_LEAF_FIELD_NUMBER: _ClassVar[int]
    L2_REGULARIZATION_FIELD_NUMBER: _ClassVar[int]
    iterations: int
    learning_rate: float
    max_leaf_nodes: int
    min_samples_leaf: int
    l2_regularization: float
    def __init__(self, iterations: _Optional[int] = ..., learning_rate: _Optional[float] = ..., max_leaf_nodes: _Optional[int] = ..., min_samples_leaf: _Optional[int] = ..., l2_regularization: _Optional[float] = ...) -> None: ...

class PcaSpe(_message.Message):
    __slots__ = ("explained_variance",)
    EXPLAINED_VARIANCE_FIELD_NUMBER: _ClassVar[int]
    explained_variance: float
    def __init__(self, explained_variance: _Optional[float] = ...) -> None: ...

class IsolationForest(_message.Message):
    __slots__ = ("trees", "samples")
    TREES_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    trees: int
    samples: int
    def __init__(self, trees: _Optional[int] = ..., samples: _Optional[int] = ...) -> None: ...

class RandomForest(_message.Message):
    __slots__ = ("trees", "max_depth", "min_samples_leaf")
    TREES_FIELD_NUMBER: _ClassVar[int]
    MAX_DEPTH_FIELD_NUMBER: _ClassVar[int]
    MIN_SAMPLES_LEAF_FIELD_NUMBER: _ClassVar[int]
    trees: int
    max_depth: int
    min_samples_leaf: int
    def __init__(self, trees: _Optional[int] = ..., max_depth: _Optional[int] = ..., min_samples_leaf: _Optional[int] = ...) -> None: ...

class LogisticRegression(_message.Message):
    __slots__ = ("c",)
    C_FIELD_NUMBER: _ClassVar[int]
    c: float
    def __init__(self, c: _Optional[float] = ...) -> None: ...

class NearestNeighbours(_message.Message):
    __slots__ = ("neighbours", "kept")
    NEIGHBOURS_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    neighbours: int
    kept: int
    def __init__(self, neighbours: _Optional[int] = ..., kept: _Optional[int] = ...) -> None: ...

class Mahalanobis(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class LogKeySequence(_message.Message):
    __slots__ = ("cell", "layers", "hidden", "epochs", "learning_rate", "candidates", "worst", "max_length")
    CELL_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    HIDDEN_FIELD_NUMBER: _ClassVar[int]
    EPOCHS_FIELD_NUMBER: _ClassVar[int]
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    WORST_FIELD_NUMBER: _ClassVar[int]
    MAX_LENGTH_FIELD_NUMBER: _ClassVar[int]
    cell: Cell
    layers: int
    hidden: int
    epochs: int
    learning_rate: float
    candidates: int
    worst: int
    max_length: int
    def __init__(self, cell: _Optional[_Union[Cell, str]] = ..., layers: _Optional[int] = ..., hidden: _Optional[int] = ..., epochs: _Optional[int] = ..., learning_rate: _Optional[float] = ..., candidates: _Optional[int] = ..., worst: _Optional[int] = ..., max_length: _Optional[int] = ...) -> None: ...

class LanguageModel(_message.Message):
    __slots__ = ("recurrent", "transformer", "tokens", "vocabulary", "max_length", "epochs", "learning_rate")
    RECURRENT_FIELD_NUMBER: _ClassVar[int]
    TRANSFORMER_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    VOCABULARY_FIELD_NUMBER: _ClassVar[int]
    MAX_LENGTH_FIELD_NUMBER: _ClassVar[int]
    EPOCHS_FIELD_NUMBER: _ClassVar[int]
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    recurrent: Recurrent
    transformer: Transformer
    tokens: Tokens
    vocabulary: int
    max_length: int
    epochs: int
    learning_rate: float
    def __init__(self, recurrent: _Optional[_Union[Recurrent, _Mapping]] = ..., transformer: _Optional[_Union[Transformer, _Mapping]] = ..., tokens: _Optional[_Union[Tokens, str]] = ..., vocabulary: _Optional[int] = ..., max_length: _Optional[int] = ..., epochs: _Optional[int] = ..., learning_rate: _Optional[float] = ...) -> None: ...

class Recurrent(_message.Message):
    __slots__ = ("cell", "layers", "hidden", "residual", "tied_weights", "bidirectional")
    CELL_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    HIDDEN_FIELD_NUMBER: _ClassVar[int]
    RESIDUAL_FIELD_NUMBER: _ClassVar[int]
    TIED_WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    BIDIRECTIONAL_FIELD_NUMBER: _ClassVar[int]
    cell: Cell
    layers: int
    hidden: int
    residual: bool
    tied_weights: bool
    bidirectional: bool
    def __init__(self, cell: _Optional[_Union[Cell, str]] = ..., layers: _Optional[int] = ..., hidden: _Optional[int] = ..., residual: _Optional[bool] = ..., tied_weights: _Optional[bool] = ..., bidirectional: _Optional[bool] = ...) -> None: ...

class Transformer(_message.Message):
    __slots__ = ("layers", "hidden", "heads", "tied_weights")
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    HIDDEN_FIELD_NUMBER: _ClassVar[int]
    HEADS_FIELD_NUMBER: _ClassVar[int]
    TIED_WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    layers: int
    hidden: int
    heads: int
    tied_weights: bool
    def __init__(self, layers: _Optional[int] = ..., hidden: _Optional[int] = ..., heads: _Optional[int] = ..., tied_weights: _Optional[bool] = ...) -> None: ...

class FlowSequence(_message.Message):
    __slots__ = ("recurrent", "convolutional", "length", "epochs", "learning_rate", "times")
    RECURRENT_FIELD_NUMBER: _ClassVar[int]
    CONVOLUTIONAL_FIELD_NUMBER: _ClassVar[int]
    LENGTH_FIELD_NUMBER: _ClassVar[int]
    EPOCHS_FIELD_NUMBER: _ClassVar[int]
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    TIMES_FIELD_NUMBER: _ClassVar[int]
    recurrent: RecurrentFlows
    convolutional: ConvolutionalFlows
    length: int
    epochs: int
    learning_rate: float
    times: str
    def __init__(self, recurrent: _Optional[_Union[RecurrentFlows, _Mapping]] = ..., convolutional: _Optional[_Union[ConvolutionalFlows, _Mapping]] = ..., length: _Optional[int] = ..., epochs: _Optional[int] = ..., learning_rate: _Optional[float] = ..., times: _Optional[str] = ...) -> None: ...

class RecurrentFlows(_message.Message):
    __slots__ = ("hidden",)
    HIDDEN_FIELD_NUMBER: _ClassVar[int]
    hidden: int
    def __init__(self, hidden: _Optional[int] = ...) -> None: ...

class ConvolutionalFlows(_message.Message):
    __slots__ = ("channels",)
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    channels: int
    def __init__(self, channels: _Optional[int] = ...) -> None: ...

class TextNgrams(_message.Message):
    __slots__ = ("shortest", "longest", "c", "max_length", "fold_case", "random_strings")
    SHORTEST_FIELD_NUMBER: _ClassVar[int]
    LONGEST_FIELD_NUMBER: _ClassVar[int]
    C_FIELD_NUMBER: _ClassVar[int]
    MAX_LENGTH_FIELD_NUMBER: _ClassVar[int]
    FOLD_CASE_FIELD_NUMBER: _ClassVar[int]
    RANDOM_STRINGS_FIELD_NUMBER: _ClassVar[int]
    shortest: int
    longest: int
    c: float
    max_length: int
    fold_case: bool
    random_strings: float
    def __init__(self, shortest: _Optional[int] = ..., longest: _Optional[int] = ..., c: _Optional[float] = ..., max_length: _Optional[int] = ..., fold_case: _Optional[bool] = ..., random_strings: _Optional[float] = ...) -> None: ...

class TextCnn(_message.Message):
    __slots__ = ("channels", "epochs", "learning_rate", "max_length")
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    EPOCHS_FIELD_NUMBER: _ClassVar[int]
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    MAX_LENGTH_FIELD_NUMBER: _ClassVar[int]
    channels: int
    epochs: int
    learning_rate: float
    max_length: int
    def __init__(self, channels: _Optional[int] = ..., epochs: _Optional[int] = ..., learning_rate: _Optional[float] = ..., max_length: _Optional[int] = ...) -> None: ...

class SequenceNgrams(_message.Message):
    __slots__ = ("longest", "max_length")
    LONGEST_FIELD_NUMBER: _ClassVar[int]
    MAX_LENGTH_FIELD_NUMBER: _ClassVar[int]
    longest: int
    max_length: int
    def __init__(self, longest: _Optional[int] = ..., max_length: _Optional[int] = ...) -> None: ...

class SequenceSets(_message.Message):
    __slots__ = ("max_length", "kept")
    MAX_LENGTH_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    max_length: int
    kept: int
    def __init__(self, max_length: _Optional[int] = ..., kept: _Optional[int] = ...) -> None: ...

class Ensemble(_message.Message):
    __slots__ = ("members", "fusion")
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    FUSION_FIELD_NUMBER: _ClassVar[int]
    members: _containers.RepeatedCompositeFieldContainer[Detector]
    fusion: Fusion
    def __init__(self, members: _Optional[_Iterable[_Union[Detector, _Mapping]]] = ..., fusion: _Optional[_Union[Fusion, str]] = ...) -> None: ...

class OperatingPoint(_message.Message):
    __slots__ = ("max_false_positive_rate", "significance")
    MAX_FALSE_POSITIVE_RATE_FIELD_NUMBER: _ClassVar[int]
    SIGNIFICANCE_FIELD_NUMBER: _ClassVar[int]
    max_false_positive_rate: float
    significance: float
    def __init__(self, max_false_positive_rate: _Optional[float] = ..., significance: _Optional[float] = ...) -> None: ...

class Gate(_message.Message):
    __slots__ = ("min_average_precision", "tolerance", "min_precision")
    MIN_AVERAGE_PRECISION_FIELD_NUMBER: _ClassVar[int]
    TOLERANCE_FIELD_NUMBER: _ClassVar[int]
    MIN_PRECISION_FIELD_NUMBER: _ClassVar[int]
    min_average_precision: float
    tolerance: float
    min_precision: float
    def __init__(self, min_average_precision: _Optional[float] = ..., tolerance: _Optional[float] = ..., min_precision: _Optional[float] = ...) -> None: ...

class Environment(_message.Message):
    __slots__ = ("name", "display_name", "description", "sources", "detectors", "time_zone", "privacy", "channel", "assets")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    DETECTORS_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    PRIVACY_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    ASSETS_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    description: str
    sources: _containers.RepeatedScalarFieldContainer[str]
    detectors: _containers.RepeatedScalarFieldContainer[str]
    time_zone: str
    privacy: Privacy
    channel: str
    assets: _containers.RepeatedCompositeFieldContainer[Asset]
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., description: _Optional[str] = ..., sources: _Optional[_Iterable[str]] = ..., detectors: _Optional[_Iterable[str]] = ..., time_zone: _Optional[str] = ..., privacy: _Optional[_Union[Privacy, _Mapping]] = ..., channel: _Optional[str] = ..., assets: _Optional[_Iterable[_Union[Asset, _Mapping]]] = ...) -> None: ...

class Asset(_message.Message):
    __slots__ = ("name", "display_name", "values", "weight")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DISPLAY_NAME_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    name: str
    display_name: str
    values: _containers.RepeatedScalarFieldContainer[str]
    weight: float
    def __init__(self, name: _Optional[str] = ..., display_name: _Optional[str] = ..., values: _Optional[_Iterable[str]] = ..., weight: _Optional[float] = ...) -> None: ...

class Privacy(_message.Message):
    __slots__ = ("addresses", "users", "hosts", "key_period")
    ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    HOSTS_FIELD_NUMBER: _ClassVar[int]
    KEY_PERIOD_FIELD_NUMBER: _ClassVar[int]
    addresses: Treatment
    users: Treatment
    hosts: Treatment
    key_period: KeyPeriod
    def __init__(self, addresses: _Optional[_Union[Treatment, str]] = ..., users: _Optional[_Union[Treatment, str]] = ..., hosts: _Optional[_Union[Treatment, str]] = ..., key_period: _Optional[_Union[KeyPeriod, str]] = ...) -> None: ...

class Idea(_message.Message):
    __slots__ = ("name", "description", "by", "feature_view", "features", "detectors")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    FEATURE_VIEW_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    DETECTORS_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    by: str
    feature_view: str
    features: _containers.RepeatedCompositeFieldContainer[Feature]
    detectors: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., by: _Optional[str] = ..., feature_view: _Optional[str] = ..., features: _Optional[_Iterable[_Union[Feature, _Mapping]]] = ..., detectors: _Optional[_Iterable[str]] = ...) -> None: ...

class Definitions(_message.Message):
    __slots__ = ("sources", "feature_views", "golden_datasets", "detectors", "environments")
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    FEATURE_VIEWS_FIELD_NUMBER: _ClassVar[int]
    GOLDEN_DATASETS_FIELD_NUMBER: _ClassVar[int]
    DETECTORS_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENTS_FIELD_NUMBER: _ClassVar[int]
    sources: _containers.RepeatedCompositeFieldContainer[Source]
    feature_views: _containers.RepeatedCompositeFieldContainer[FeatureView]
    golden_datasets: _containers.RepeatedCompositeFieldContainer[GoldenDataset]
    detectors: _containers.RepeatedCompositeFieldContainer[Detector]
    environments: _containers.RepeatedCompositeFieldContainer[Environment]
    def __init__(self, sources: _Optional[_Iterable[_Union[Source, _Mapping]]] = ..., feature_views: _Optional[_Iterable[_Union[FeatureView, _Mapping]]] = ..., golden_datasets: _Optional[_Iterable[_Union[GoldenDataset, _Mapping]]] = ..., detectors: _Optional[_Iterable[_Union[Detector, _Mapping]]] = ..., environments: _Optional[_Iterable[_Union[Environment, _Mapping]]] = ...) -> None: ...
