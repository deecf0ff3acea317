# llhttp, compiled from the sources that Debian's node-llhttp ships.
find_path(LLHTTP_SOURCES llhttp.c PATHS /usr/share/llhttp NO_DEFAULT_PATH REQUIRED)
find_path(LLHTTP_HEADERS llhttp.h PATHS /usr/share/include/llhttp NO_DEFAULT_PATH REQUIRED)
add_library(pp_llhttp STATIC ${LLHTTP_SOURCES}/llhttp.c ${LLHTTP_SOURCES}/api.c ${LLHTTP_SOURCES}/http.c)
target_include_directories(pp_llhttp SYSTEM PUBLIC ${LLHTTP_HEADERS})
target_compile_definitions(pp_llhttp PUBLIC LLHTTP_STRICT_MODE=1)
target_compile_options(pp_llhttp PRIVATE -w -O2)

# libpennypost: the node's engine over its store. The daemon's main.c is a program of its own.
pp_library(node-adapter pp_node PUBLIC pp_settlement pp_rewards pp_fees pp_channels PkgConfig::lmdb PkgConfig::uv
  PkgConfig::curl PkgConfig::jansson PkgConfig::crypto pp_llhttp Threads::Threads)

add_executable(pennypostd node-adapter/daemon/main.c)
target_include_directories(pennypostd PRIVATE node-adapter)
target_link_libraries(pennypostd pp_node)
