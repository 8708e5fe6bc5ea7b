# cmake --install build --prefix P: the programs, the headers, and what
# find_package(Jetc) needs to build plugins (docs/fusion-tutorial.md).
#
# No library for plugins: a plugin takes the dialect from the tool that loads
# it. With a copy of its own it would see other types than the tool's.

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

# The programs find libMLIR where they found it in the build tree.
set_target_properties(jetc jet-opt jet-ptx jet-lsp-server jet-run PROPERTIES
  INSTALL_RPATH_USE_LINK_PATH ON)
install(TARGETS jetc jet-opt jet-ptx jet-lsp-server jet-run
  RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

# Paths as in the source tree, e.g. "dialects/jet/Jet.h".
set(JET_INSTALL_INCLUDEDIR ${CMAKE_INSTALL_INCLUDEDIR}/jetc)
set(headers FILES_MATCHING PATTERN "*.h" PATTERN "*.td")
install(DIRECTORY dialects passes lowering support frontend runtime
  DESTINATION ${JET_INSTALL_INCLUDEDIR} ${headers})
foreach(folder dialects passes lowering)
  install(DIRECTORY ${PROJECT_BINARY_DIR}/${folder}
    DESTINATION ${JET_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN "*.h.inc" PATTERN "PluginVersion.h"
    PATTERN CMakeFiles EXCLUDE)
endforeach()

set(config ${CMAKE_INSTALL_LIBDIR}/cmake/Jetc)
configure_package_config_file(
  ${CMAKE_CURRENT_LIST_DIR}/JetcConfig.cmake.in
  ${PROJECT_BINARY_DIR}/JetcConfig.cmake
  INSTALL_DESTINATION ${config}
  PATH_VARS CMAKE_INSTALL_BINDIR JET_INSTALL_INCLUDEDIR)
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/JetcConfigVersion.cmake
  VERSION ${PROJECT_VERSION} COMPATIBILITY ExactVersion)
install(FILES ${PROJECT_BINARY_DIR}/JetcConfig.cmake
  ${PROJECT_BINARY_DIR}/JetcConfigVersion.cmake DESTINATION ${config})
