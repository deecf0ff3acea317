pp_library(rewards pp_rewards PUBLIC pp_channels)
