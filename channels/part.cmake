pp_library(channels pp_channels PUBLIC pp_base)
