# duel_media_library(NAME HEADER <file> LIBRARY <names...> PACKAGE <Debian's> FOR <what it is for> [FOLDERS <names...>])
# adds a library that duel_media can do without: option DUEL_<NAME>, on by default. Where the header and one of the
# libraries are found, duel_media is linked with it and compiled with DUEL_HAS_<NAME>; else a warning names the package.
# FOLDERS: where below the usual ones the header may lie.
function(duel_media_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "HEADER;PACKAGE;FOR" "LIBRARY;FOLDERS")
  option(DUEL_${name} "Build duel_media with ${arg_PACKAGE}, for ${arg_FOR}" ON)
  if(NOT DUEL_${name})
    return()
  endif()
  find_path(DUEL_${name}_INCLUDE_DIR ${arg_HEADER} PATH_SUFFIXES ${arg_FOLDERS})
  find_library(DUEL_${name}_LIBRARY NAMES ${arg_LIBRARY})
  mark_as_advanced(DUEL_${name}_INCLUDE_DIR DUEL_${name}_LIBRARY)
  if(NOT DUEL_${name}_INCLUDE_DIR OR NOT DUEL_${name}_LIBRARY)
    message(WARNING "No ${arg_FOR}: ${arg_HEADER} or its library not found. On Debian: apt install ${arg_PACKAGE}")
    return()
  endif()
  # Where duel is installed, the library is asked for by name: it need not lie where it did here.
  get_filename_component(link_name ${DUEL_${name}_LIBRARY} NAME_WE)
  string(REGEX REPLACE "^lib" "" link_name ${link_name})
  target_compile_definitions(duel_media PRIVATE DUEL_HAS_${name})
  target_include_directories(duel_media PRIVATE ${DUEL_${name}_INCLUDE_DIR})
  target_link_libraries(duel_media PRIVATE $<BUILD_INTERFACE:${DUEL_${name}_LIBRARY}> $<INSTALL_INTERFACE:${link_name}>)
endfunction()
