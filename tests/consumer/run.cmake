# Installs duel, builds the consumer and the template of plug-ins against what was installed, runs the one, loads the
# other into the program, and compares the consumer with the README's example.
# Variables: BUILD (duel's build folder), SOURCE (duel's), WORK (scratch), CXX, BUILD_TYPE
function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  message(STATUS "${output}")
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "failed: ${ARGV}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix)
run(${CMAKE_COMMAND} -S ${SOURCE}/tests/consumer -B ${WORK}/build -G Ninja -DCMAKE_CXX_COMPILER=${CXX}
    -DCMAKE_BUILD_TYPE=${BUILD_TYPE} -DCMAKE_PREFIX_PATH=${WORK}/prefix "-DCMAKE_CXX_FLAGS=${CXX_FLAGS}")
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${WORK}/build/consumer)

if(PROGRAM)
  run(${CMAKE_COMMAND} -S ${SOURCE}/apps/examples/plugin -B ${WORK}/plugin -G Ninja -DCMAKE_CXX_COMPILER=${CXX}
      -DCMAKE_BUILD_TYPE=${BUILD_TYPE} -DCMAKE_PREFIX_PATH=${WORK}/prefix "-DCMAKE_CXX_FLAGS=${CXX_FLAGS}")
  run(${CMAKE_COMMAND} --build ${WORK}/plugin)
  run(${WORK}/prefix/bin/duel info --plugin ${WORK}/plugin/libexample.so --model two-layer)
endif()

file(READ ${SOURCE}/tests/consumer/main.cpp program)
file(READ ${SOURCE}/README.md readme)
string(FIND "${readme}" "${program}" place)
if(place EQUAL -1)
  message(FATAL_ERROR "README.md does not show tests/consumer/main.cpp as it is")
endif()
file(REMOVE_RECURSE ${WORK})
