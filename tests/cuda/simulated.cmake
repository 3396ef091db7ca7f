# The tests of CUDA's kernels on a simulated device (sim/): the library's .cu files compiled as C++, with kernels of our
# own where the library calls cuDNN and cuBLASLt. Twice: as everything is, and with sanitizers, which see what a kernel
# reads or writes beyond its memory; there blocks and threads run in reverse order.
file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/cuda/*_test.cpp)
# The op table, which op_table_test.cpp runs.
file(GLOB table CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/autograd/op_*.cpp ${CMAKE_CURRENT_SOURCE_DIR}/autograd/pointwise_cases.cpp)
list(FILTER table EXCLUDE REGEX "_test\\.cpp$")
# What looks at the device's own headers is for the simulated one; the rest is compiled once, for that and a GPU.
# Optimised less than other tests: most of the time goes to the compiler.
set(simulated_tests ${CMAKE_CURRENT_SOURCE_DIR}/cuda/strided_test.cpp ${CMAKE_CURRENT_SOURCE_DIR}/cuda/resample_test.cpp)
list(REMOVE_ITEM tests ${simulated_tests})
add_library(duel_cuda_tests OBJECT ${tests} ${table})
target_link_libraries(duel_cuda_tests PRIVATE duel_test_support)
target_compile_options(duel_cuda_tests PRIVATE -O1)
duel_precompile(duel_cuda_tests <doctest/doctest.h>)

if(DUEL_SANITIZE MATCHES "thread")  # it does not follow the fibers
  return()
endif()

file(GLOB kernels CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/duel/cuda/*.cu)
file(GLOB runtime CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/duel/cuda/*.cpp)
list(FILTER runtime EXCLUDE REGEX "/(conv2d|matmul|cudnn|cublas|handles)[a-z0-9_]*\\.cpp$")
set_source_files_properties(${kernels} PROPERTIES LANGUAGE CXX)
file(GLOB simulation CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/cuda/sim/*.cpp)

# test_cuda_NAME, and one ctest test per source file. ARGN: sanitizers' options, if any.
function(duel_simulated_tests name)
  set(target test_cuda_${name})
  add_executable(${target} ${kernels} ${runtime} ${simulation} ${simulated_tests} $<TARGET_OBJECTS:duel_cuda_tests>)
  target_include_directories(${target} BEFORE PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/cuda/sim ${PROJECT_SOURCE_DIR})
  target_compile_definitions(${target} PRIVATE DUEL_SIMULATED_CUDA)
  # g++ 12 takes what a kernel's shared memory holds for uninitialised.
  target_compile_options(${target} PRIVATE -O1 -Wno-maybe-uninitialized ${ARGN})
  target_link_libraries(${target} PRIVATE duel_test_support)
  target_link_options(${target} PRIVATE ${ARGN})
  set_target_properties(${target} PROPERTIES ENABLE_EXPORTS ON)  # names in call stacks
  foreach(source IN LISTS tests simulated_tests ITEMS cuda/sim/sim_test.cpp)
    get_filename_component(test ${source} NAME_WE)
    if(ARGN AND test MATCHES "^(games|op_table|training_parts|mixed_precision)_test$")
      continue()  # they take minutes so, and ask the kernels for nothing that their own tests do not
    endif()
    add_test(NAME cuda/${test}_${name} COMMAND ${target} --source-file=*/${test}.cpp)
    set_tests_properties(cuda/${test}_${name} PROPERTIES TIMEOUT ${DUEL_TEST_TIMEOUT})
    if(ARGN)
      set_tests_properties(cuda/${test}_${name} PROPERTIES ENVIRONMENT DUEL_SIM_ORDER=reverse)
    endif()
  endforeach()
endfunction()

duel_simulated_tests(simulated)

# The whole program, with the simulated device in place of a GPU.
if(TARGET duel_app)
  find_package(fmt REQUIRED)  # it was found for the program
  add_executable(duel_simulated $<TARGET_OBJECTS:duel_app> $<FILTER:$<TARGET_OBJECTS:test_cuda_simulated>,EXCLUDE,_test\\.>)
  target_link_libraries(duel_simulated PRIVATE duel_options duel_report duel_media duel_compile_options fmt::fmt)
  add_test(NAME cuda/program COMMAND ${CMAKE_COMMAND} -D DUEL=$<TARGET_FILE:duel_simulated>
           -D FOLDER=${CMAKE_CURRENT_BINARY_DIR}/simulated-runs -P ${CMAKE_CURRENT_SOURCE_DIR}/cuda/program.cmake)
  set_tests_properties(cuda/program PROPERTIES TIMEOUT ${DUEL_TEST_TIMEOUT})
endif()

if(NOT DUEL_SANITIZE)
  # The tests and the rest of the library are linked as they are: a check of the kernels, in a fraction of the time.
  duel_simulated_tests(sanitized -O0 -g1 -fsanitize=address,undefined -fno-sanitize=null,object-size
                       -fno-sanitize-recover=all -fno-omit-frame-pointer)
endif()
