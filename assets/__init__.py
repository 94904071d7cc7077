"""Software-defined assets: one file a layer, thin; they call the rooms below."""
