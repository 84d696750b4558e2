# Fuzz targets. Each is one C file with LLVMFuzzerTestOneInput(). Where CONFAB_FUZZ is on (needs
# clang) it becomes a fuzzer. Otherwise it is linked with a small main that replays files, and is a
# test: what the corpus holds and what was once found is tried with every build, with any compiler.

option(CONFAB_FUZZ "Build the fuzz targets as fuzzers (needs clang)" OFF)

# For every file of ours, after the sanitizers of CONFAB_SANITIZE.
if(CONFAB_FUZZ)
  if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "CONFAB_FUZZ needs clang; deploy/deps/install fuzz installs it")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# All fuzz targets, for `cmake --build`.
add_custom_target(confab_fuzz)

# confab_fuzz_target(name_normalize SOURCES name_normalize.c LIBS confab_common):
# <build>/fuzz/name_normalize, or the test fuzz_name_normalize
function(confab_fuzz_target name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBS")
  confab_check_arguments(confab_fuzz_target ${name})
  set(target fuzz_${name})
  add_executable(${target} ${arg_SOURCES})
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME ${name}
    RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/fuzz")
  target_link_libraries(${target} PRIVATE ${arg_LIBS})
  add_dependencies(confab_fuzz ${target})
  if(CONFAB_FUZZ)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    return()
  endif()
  target_sources(${target} PRIVATE replay.c)
  add_test(NAME ${target}
    COMMAND ${target} tests/fuzz/corpus/${name} tests/fuzz/regression/${name}
    WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
  confab_test_environment(${target} fuzz)
endfunction()
