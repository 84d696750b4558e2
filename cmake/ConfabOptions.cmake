# What a person may choose when configuring, and what every file of ours is compiled with.

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release, RelWithDebInfo or MinSizeRel" FORCE)
endif()

option(CONFAB_TESTS "Build the tests (needs cmocka)" ON)
option(CONFAB_SANITIZE "Build with the address and undefined behaviour sanitizers" OFF)
option(CONFAB_TSAN "Build with the thread sanitizer" OFF)
option(CONFAB_COVERAGE "Count which lines run" OFF)
option(CONFAB_WERROR "Treat warnings as errors" OFF)
set(CONFAB_DEPS_PREFIX "${CMAKE_SOURCE_DIR}/.deps" CACHE PATH
  "Where deploy/deps/install puts the libraries that it builds; looked at before the system")

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# The same objects go into the programs and into libconfab.so. Hidden names keep that free of charge
# for the programs: a call is bound here, as without -fPIC.
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")

# Includes are written from the repository's root: "common/buf.h".
include_directories("${CMAKE_SOURCE_DIR}" "${CMAKE_SOURCE_DIR}/include")
add_compile_definitions(CONFAB_VERSION="${PROJECT_VERSION}")

add_compile_options(
  -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
  -Wpointer-arith -Wcast-qual -Wformat=2 -fno-common
  -fno-semantic-interposition)
if(CONFAB_WERROR)
  add_compile_options(-Werror)
endif()
if(CONFAB_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all
    -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()
if(CONFAB_TSAN)
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
endif()
if(CONFAB_COVERAGE)
  # Counts add up over processes, and a path is kept as it is in the source.
  add_compile_options(--coverage -fprofile-abs-path)
  add_link_options(--coverage)
endif()
