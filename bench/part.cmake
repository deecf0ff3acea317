# pp_bench: every measurement of the product, each against a limit of the same run.
file(GLOB bench_sources CONFIGURE_DEPENDS bench/*.c)
if(bench_sources AND TARGET pp_node)
  add_executable(pp_bench ${bench_sources})
  target_include_directories(pp_bench PRIVATE node-adapter)
  target_link_libraries(pp_bench pp_node)
endif()
