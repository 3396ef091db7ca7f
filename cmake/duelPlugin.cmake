# duel_add_plugin(NAME source...): a shared library of parts for the program duel. It sees duel's headers and is linked with
# nothing of duel's: the program that loads it has it all, once.
function(duel_add_plugin name)
  add_library(${name} MODULE ${ARGN})
  target_include_directories(${name} PRIVATE $<TARGET_PROPERTY:duel::duel,INTERFACE_INCLUDE_DIRECTORIES>)
  target_compile_features(${name} PRIVATE cxx_std_20)
endfunction()
