# `cmake --install`: the programs, the web files they serve, libconfab with its headers, and the
# descriptions that pkg-config and CMake find it by. All of it may be moved as a whole.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS confab-gateway confab-load RUNTIME)
install(TARGETS confab EXPORT confab-targets LIBRARY)
install(DIRECTORY include/confab TYPE INCLUDE FILES_MATCHING PATTERN "*.h")
install(DIRECTORY web/client web/page DESTINATION "${CMAKE_INSTALL_DATADIR}/confab/web")

# From where the .pc file is to the prefix, so that nothing in it is bound to one place.
set(confab_pkgconfig_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
file(RELATIVE_PATH confab_up "/prefix/${confab_pkgconfig_dir}" "/prefix")
string(REGEX REPLACE "/$" "" confab_up "${confab_up}")
configure_file(cmake/confab.pc.in confab.pc @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/confab.pc" DESTINATION "${confab_pkgconfig_dir}")

set(confab_cmake_dir "${CMAKE_INSTALL_LIBDIR}/cmake/confab")
write_basic_package_version_file(confab-config-version.cmake COMPATIBILITY SameMinorVersion)
install(EXPORT confab-targets
  FILE confab-config.cmake
  NAMESPACE confab::
  DESTINATION "${confab_cmake_dir}")
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/confab-config-version.cmake"
  DESTINATION "${confab_cmake_dir}")
