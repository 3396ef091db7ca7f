# `cmake --install`: find_package(duel) gives duel::duel; find_package(duel COMPONENTS media) also duel::media;
# both give duel_add_plugin.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/duel)
install(TARGETS duel EXPORT duelTargets)
install(EXPORT duelTargets NAMESPACE duel:: DESTINATION ${package_dir})
if(TARGET duel_media)
  install(TARGETS duel_media EXPORT duelMediaTargets)
  install(EXPORT duelMediaTargets NAMESPACE duel:: DESTINATION ${package_dir})
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/duel DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        FILES_MATCHING PATTERN "*.h" PATTERN "cpu" EXCLUDE PATTERN "cuda" EXCLUDE)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/duelConfig.cmake.in ${PROJECT_BINARY_DIR}/duelConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/duelConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/duelConfig.cmake ${PROJECT_BINARY_DIR}/duelConfigVersion.cmake
              ${PROJECT_SOURCE_DIR}/cmake/duelPlugin.cmake
        DESTINATION ${package_dir})
