# cmake -D NM=nm -D SET=avx2 -P weak_symbols.cmake OBJECT...
# Fails when an object built for one instruction set defines a weak symbol (an inline function or template) outside its
# own namespaces: the linker keeps any one copy of such a symbol for the whole program, and it could be this one, which
# older processors cannot run.
set(objects "")
math(EXPR last "${CMAKE_ARGC} - 1")
foreach(i RANGE ${last})
  if(CMAKE_ARGV${i} MATCHES "\\.(o|obj)$")
    list(APPEND objects ${CMAKE_ARGV${i}})
  endif()
endforeach()
if(NOT objects)
  message(FATAL_ERROR "no objects given")
endif()
execute_process(COMMAND ${NM} -C --defined-only ${objects} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(REPLACE ";" "," symbols "${symbols}")
string(REGEX MATCHALL "[^\n]* [WVu] [^\n]*" weak "${symbols}")
list(FILTER weak EXCLUDE REGEX "simd_${SET}::|Eigen_${SET}::")
# The compiler's own: which personality routine unwinds.
list(FILTER weak EXCLUDE REGEX "DW\\.ref\\.__gxx_personality_v0")
if(weak)
  list(JOIN weak "\n" lines)
  message(FATAL_ERROR "weak symbols outside simd_${SET} and Eigen_${SET}:\n${lines}")
endif()
