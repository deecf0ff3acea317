# Programs that a user would start from; tests run them.
if(TARGET pp_node)
  add_executable(example_host examples/host.c)
  target_link_libraries(example_host pp_node)
endif()
