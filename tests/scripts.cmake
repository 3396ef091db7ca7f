# Tests that run programs.

# tests/apps runs the program `duel`; where that is not built (see apps/CMakeLists.txt) they are skipped.
if(TARGET duel_app)
  target_compile_definitions(test_apps PRIVATE DUEL_PROGRAM="$<TARGET_FILE:duel_app>")
  target_link_libraries(test_apps PRIVATE duel_options duel_report)
  add_dependencies(test_apps duel_app)

  # The plug-in that is the template for others', and some that can't be loaded.
  include(${PROJECT_SOURCE_DIR}/cmake/duelPlugin.cmake)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/apps/examples/plugin/*.cpp)
  duel_add_plugin(plugin_example ${sources})
  target_link_libraries(plugin_example PRIVATE duel_compile_options)
  target_compile_definitions(test_apps PRIVATE DUEL_EXAMPLE_PLUGIN="$<TARGET_FILE:plugin_example>")
  foreach(name IN ITEMS not_one another_duel missing_function own_name no_name one_name other_conventions
                       throws)
    string(TOUPPER ${name} mistake)
    set(source apps/plugins/${name}.cpp)
    if(NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${source})
      set(source apps/plugins/broken.cpp)
    endif()
    duel_add_plugin(plugin_${name} ${source})
    target_compile_definitions(plugin_${name} PRIVATE MISTAKE=${mistake})
    target_link_libraries(plugin_${name} PRIVATE duel_compile_options)
    target_compile_definitions(test_apps PRIVATE DUEL_TEST_PLUGIN_${name}="$<TARGET_FILE:plugin_${name}>")
    add_dependencies(test_apps plugin_${name})
  endforeach()
  target_compile_options(plugin_other_conventions PRIVATE -fabi-version=16)
  add_dependencies(test_apps plugin_example)
else()
  set_target_properties(test_apps PROPERTIES EXCLUDE_FROM_ALL ON)
  get_property(all_tests DIRECTORY PROPERTY TESTS)
  list(FILTER all_tests INCLUDE REGEX "^apps/")
  set_tests_properties(${all_tests} PROPERTIES DISABLED ON)
endif()

# Some of them look at pages in a browser; without one they are skipped.
find_program(CHROMIUM chromium)
if(CHROMIUM AND TARGET duel_app)
  target_compile_definitions(test_apps PRIVATE DUEL_CHROMIUM="${CHROMIUM}")
elseif(TARGET duel_app)
  message(WARNING "The tests of pages in a browser are skipped: chromium not found. On Debian: apt install chromium")
  set_tests_properties(apps/browser_test apps/report_browser_test PROPERTIES DISABLED ON)
endif()

# A program of somebody else's, against the installed library; it is the README's example.
if(DUEL_INSTALL)
  set(flags "")
  if(DUEL_SANITIZE)
    set(flags -fsanitize=${DUEL_SANITIZE})
  endif()
  add_test(NAME consumer COMMAND ${CMAKE_COMMAND} -D PROGRAM=$<TARGET_EXISTS:duel_app> -D BUILD=${PROJECT_BINARY_DIR} -D SOURCE=${PROJECT_SOURCE_DIR}
           -D WORK=${CMAKE_CURRENT_BINARY_DIR}/consumer -D CXX=${CMAKE_CXX_COMPILER} -D BUILD_TYPE=${CMAKE_BUILD_TYPE}
           -D CXX_FLAGS=${flags} -P ${CMAKE_CURRENT_SOURCE_DIR}/consumer/run.cmake)
  set_tests_properties(consumer PROPERTIES TIMEOUT ${DUEL_TEST_TIMEOUT})
endif()

# They exit with 1 unless all eight modes are covered, and unless all gradients are right.
foreach(name IN ITEMS ring custom_op)
  if(TARGET example_${name})
    add_test(NAME examples/${name} COMMAND example_${name})
    set_tests_properties(examples/${name} PROPERTIES TIMEOUT ${DUEL_TEST_TIMEOUT})
  endif()
endforeach()

# That the benchmark runs; what it measures is no test.
if(TARGET duel_bench)
  add_test(NAME bench/first_step COMMAND duel_bench --first-step mlp-gan)
  add_test(NAME bench/operation COMMAND duel_bench --only "conv 512->1 k4 4x4 forward" --repeat 1)
  add_test(NAME bench/algorithms COMMAND duel_bench --algorithms --only "conv 128->128 k3 8x8 forward" --repeat 1)
  set_tests_properties(bench/algorithms PROPERTIES PASS_REGULAR_EXPRESSION "forward +(\\* )?[0-9]+% +(\\* )?[0-9]+% .*[0-9]\\.[0-9][0-9]")
  add_test(NAME bench/growth COMMAND duel_bench --growth mlp-gan --only "batch 8," --repeat 1)
  set_tests_properties(bench/growth PROPERTIES PASS_REGULAR_EXPRESSION "mlp-gan, batch 8, 28x28")
  add_test(NAME bench/layers COMMAND duel_bench --step dcgan-fashion --repeat 1 --layers)
  set_tests_properties(bench/layers PROPERTIES PASS_REGULAR_EXPRESSION "conv_transpose2d \\[64, 128, 7, 7\\]")
  # The steps for devices, on the CPU.
  add_test(NAME bench/device COMMAND duel_bench --device cpu --steps 2 --seconds 0 dcgan-64:2 dcgan-64-r1:2 sngan-32:2)
  add_test(NAME bench/device_unknown COMMAND duel_bench --device cpu nonsense)
  set_tests_properties(bench/device_unknown PROPERTIES PASS_REGULAR_EXPRESSION "there is no step 'nonsense' for devices; there are: dcgan-64,")
  add_test(NAME bench/unknown_step COMMAND duel_bench --step nonsense)
  set_tests_properties(bench/unknown_step PROPERTIES PASS_REGULAR_EXPRESSION "there is no step 'nonsense'; there are:")
endif()

# What is said where there is no GPU to check, and what is packed for where there is one.
find_program(PYTHON3 python3)
if(PYTHON3)
  add_test(NAME scripts/gpu_check COMMAND ${CMAKE_COMMAND} -D SCRIPT=${PROJECT_SOURCE_DIR}/scripts/gpu_check
           -D WORK=${CMAKE_CURRENT_BINARY_DIR}/gpu_check -P ${CMAKE_CURRENT_SOURCE_DIR}/project/gpu_check.cmake)
  set_tests_properties(scripts/gpu_check PROPERTIES TIMEOUT ${DUEL_TEST_TIMEOUT})
endif()
