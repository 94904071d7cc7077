"""The feature store: Feast objects made from the catalog, and the offline store they are read by.

Importing any module of this package imports Feast, which takes seconds: import inside the step
that needs it.
"""
