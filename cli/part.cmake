# The verbs are a library, so that tests link them; main.c only chooses one.
pp_library(cli pp_cli PUBLIC pp_node PkgConfig::curl PkgConfig::jansson)
target_include_directories(pp_cli PUBLIC cli)
add_executable(pennypost cli/main.c)
target_link_libraries(pennypost pp_cli)
