# The same tests on a GPU, if there is one: where there is none the program starts, says so, and counts what it skips.
# And what can be asked of cuDNN without one.
add_executable(test_cuda ${CMAKE_CURRENT_SOURCE_DIR}/cuda/resample_test.cpp $<TARGET_OBJECTS:duel_cuda_tests>)
target_link_libraries(test_cuda PRIVATE duel_test_support CUDA::cudart)
add_test(NAME cuda/on_a_gpu COMMAND test_cuda)

file(GLOB plans CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/cuda/plans/*.cpp)
if(NOT TARGET duel_options)  # the presets are the program's
  list(FILTER plans EXCLUDE REGEX "/presets_test\\.cpp$")
endif()
add_executable(test_cuda_plans ${plans})
target_link_libraries(test_cuda_plans PRIVATE duel_test_support CUDA::cudart)
target_include_directories(test_cuda_plans SYSTEM PRIVATE ${CUDNN_INCLUDE_DIR})
if(TARGET duel_options)
  target_link_libraries(test_cuda_plans PRIVATE duel_options)
endif()
add_test(NAME cuda/plans COMMAND test_cuda_plans)

foreach(target IN ITEMS test_cuda test_cuda_plans)
  set_target_properties(${target} PROPERTIES ENABLE_EXPORTS ON)  # names in call stacks
endforeach()
set_tests_properties(cuda/on_a_gpu cuda/plans PROPERTIES TIMEOUT ${DUEL_TEST_TIMEOUT})
