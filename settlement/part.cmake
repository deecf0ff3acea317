pp_library(settlement pp_settlement PUBLIC pp_rewards)
