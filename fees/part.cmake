pp_library(fees pp_fees PUBLIC pp_base)
