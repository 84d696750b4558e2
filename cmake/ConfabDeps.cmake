# The outside libraries as targets deps::<name>, one per library, so that a room's link line says
# which it may use. CONFAB_DEPS_PREFIX is searched first, then the system.
#
# A library that is not there still gets its target, an empty one, so that the configuration comes
# to its end, where confab_report_missing_deps() names all that was missed in one go and the command
# that installs it.

find_package(PkgConfig REQUIRED)
set(ENV{PKG_CONFIG_PATH} "${CONFAB_DEPS_PREFIX}/lib/pkgconfig:$ENV{PKG_CONFIG_PATH}")
set(CONFAB_MISSING_DEPS "")

# Debian 13's msgpack-c.pc names its headers' directory as "include", which is nowhere; they are
# where the compiler looks anyhow.
function(confab_drop_relative_includes target)
  get_target_property(directories ${target} INTERFACE_INCLUDE_DIRECTORIES)
  if(directories)
    list(FILTER directories INCLUDE REGEX "^/")
    set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${directories}")
  endif()
endfunction()

function(confab_dep name)
  cmake_parse_arguments(arg "" "" "MODULES" ${ARGN})
  add_library(deps::${name} INTERFACE IMPORTED)
  foreach(spec IN LISTS arg_MODULES)
    string(MAKE_C_IDENTIFIER "CONFAB_${name}_${spec}" var)
    # A specification may name several modules that belong together, separated by "+".
    string(REPLACE "+" ";" modules "${spec}")
    pkg_check_modules(${var} QUIET IMPORTED_TARGET ${modules})
    if(${var}_FOUND)
      confab_drop_relative_includes(PkgConfig::${var})
      target_link_libraries(deps::${name} INTERFACE PkgConfig::${var})
      return()
    endif()
  endforeach()
  list(APPEND CONFAB_MISSING_DEPS ${name})
  set(CONFAB_MISSING_DEPS "${CONFAB_MISSING_DEPS}" PARENT_SCOPE)
endfunction()

confab_dep(libevent MODULES "libevent_core>=2.1+libevent_extra>=2.1")
confab_dep(hiredis MODULES "hiredis>=1.1")
confab_dep(msgpackc MODULES "msgpack-c>=4" "msgpack>=4")
confab_dep(yyjson MODULES "yyjson>=0.10")
confab_dep(utf8proc MODULES "libutf8proc")
if(CONFAB_TESTS)
  confab_dep(cmocka MODULES "cmocka>=1.1.5")
endif()

# hiredis/hiredis.h and its like are named with their directory, which a .pc file may leave out.
if(TARGET deps::hiredis AND EXISTS "${CONFAB_DEPS_PREFIX}/include/hiredis/hiredis.h")
  target_include_directories(deps::hiredis SYSTEM INTERFACE "${CONFAB_DEPS_PREFIX}/include")
endif()

# libcrypto for digests; the rest of OpenSSL comes only with libwebsockets.
add_library(deps::crypto INTERFACE IMPORTED)
find_package(OpenSSL QUIET)
if(OPENSSL_FOUND)
  target_link_libraries(deps::crypto INTERFACE OpenSSL::Crypto)
else()
  list(APPEND CONFAB_MISSING_DEPS OpenSSL)
endif()

add_library(deps::zlib INTERFACE IMPORTED)
find_package(ZLIB QUIET)
if(ZLIB_FOUND)
  target_link_libraries(deps::zlib INTERFACE ZLIB::ZLIB)
else()
  list(APPEND CONFAB_MISSING_DEPS zlib)
endif()

# libwebsockets must be our own static build: distributions leave out the foreign event loop or
# NDEBUG, so a system copy is never taken.
add_library(deps::lws INTERFACE IMPORTED)
set(lws_archive "${CONFAB_DEPS_PREFIX}/lib/libwebsockets.a")
if(EXISTS "${lws_archive}" AND OPENSSL_FOUND AND ZLIB_FOUND)
  target_include_directories(deps::lws SYSTEM INTERFACE "${CONFAB_DEPS_PREFIX}/include")
  target_link_libraries(deps::lws INTERFACE
    "${lws_archive}" deps::libevent OpenSSL::SSL OpenSSL::Crypto deps::zlib m)
else()
  list(APPEND CONFAB_MISSING_DEPS libwebsockets)
endif()

function(confab_report_missing_deps)
  if(NOT CONFAB_MISSING_DEPS)
    return()
  endif()
  list(JOIN CONFAB_MISSING_DEPS ", " names)
  set(components build)
  set(hint "")
  if("cmocka" IN_LIST CONFAB_MISSING_DEPS)
    set(components "build test")
    set(hint "\ncmocka is for the tests only; -DCONFAB_TESTS=OFF builds without them.")
  endif()
  message(FATAL_ERROR
    "Libraries not found: ${names}\n"
    "On Debian 12 and 13 this installs them: deploy/deps/install ${components}${hint}")
endfunction()
