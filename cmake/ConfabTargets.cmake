# The three kinds of targets. Links are private: a library's headers reach only the room that
# names it, while a program still links everything its libraries need.

# confab_library(confab_common SOURCES buf.c … LINK deps::yyjson …)
function(confab_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
  confab_check_arguments(confab_library ${name})
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LINK})
endfunction()

# confab_program(confab-gateway SOURCES main.c LINK confab_app …): <build>/bin/confab-gateway
function(confab_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
  confab_check_arguments(confab_program ${name})
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LINK})
endfunction()

# confab_unit_test(test_buf SOURCES test_buf.c LIBS confab_common …): one cmocka program, run by
# ctest under the label "unit" from the repository's root, where tests/vectors/ is.
function(confab_unit_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBS")
  confab_check_arguments(confab_unit_test ${name})
  add_executable(${name} ${arg_SOURCES})
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
  target_link_libraries(${name} PRIVATE ${arg_LIBS} deps::cmocka)
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
  confab_test_environment(${name} unit)
endfunction()

# What deploy/deps/install put beside the libraries (redis-server) comes first on the PATH. The
# sanitizers keep the fatal signals (2: a program cannot take them back), since cmocka's own
# handlers would swallow the stack trace of a null dereference.
function(confab_test_environment name label)
  set(signals "handle_segv=2:handle_sigbus=2:handle_sigfpe=2:handle_sigill=2")
  set_tests_properties(${name} PROPERTIES
    LABELS ${label}
    TIMEOUT 120
    ENVIRONMENT_MODIFICATION "PATH=path_list_prepend:${CONFAB_DEPS_PREFIX}/bin"
    ENVIRONMENT
      "ASAN_OPTIONS=${signals}:detect_leaks=1;UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1")
endfunction()

macro(confab_check_arguments function name)
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "${function}(${name}): what is '${arg_UNPARSED_ARGUMENTS}'?")
  endif()
  if(NOT arg_SOURCES)
    message(FATAL_ERROR "${function}(${name}): no SOURCES")
  endif()
endmacro()
