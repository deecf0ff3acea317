# pp_bench: every measurement of the product, each against a limit of the same run.
file(GLOB bench_sources CONFIGURE_DEPENDS bench/*.c)
list(FILTER bench_sources EXCLUDE REGEX "/main\\.c$")
string(TOUPPER "${CMAKE_BUILD_TYPE}" bench_build_type)
if(bench_sources AND TARGET pp_node)
  # A library, so that tests can look at its tables.
  add_library(pp_bench_parts STATIC ${bench_sources})
  target_include_directories(pp_bench_parts PUBLIC bench PRIVATE node-adapter)
  target_link_libraries(pp_bench_parts PUBLIC pp_node m)
  target_compile_definitions(pp_bench_parts PRIVATE PP_BENCH_COMPILER="${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION}"
    PP_BENCH_FLAGS="${CMAKE_C_FLAGS_${bench_build_type}}" PP_BENCH_SECP256K1="${secp256k1_VERSION}")
  add_executable(pp_bench bench/main.c)
  target_link_libraries(pp_bench pp_bench_parts)
  # What a stamp costs beside its signature: signatures.c. Of what is linked with this only.
  target_link_options(pp_bench_parts INTERFACE LINKER:--wrap=secp256k1_ecdsa_verify)
endif()
