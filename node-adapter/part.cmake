# libpennypost: the node's engine over its store. The daemon's main.c is a program of its own.
pp_library(node-adapter pp_node PUBLIC pp_settlement pp_rewards pp_fees pp_channels PkgConfig::lmdb PkgConfig::uv
  PkgConfig::curl PkgConfig::jansson Threads::Threads)
