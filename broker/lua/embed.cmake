# Makes one C file of the scripts: cmake -DSCRIPTS_DIR=… -DOUT=… -P embed.cmake
#
# A script whose first line is "--@with other.lua" has that file's text put in front of its own.

function(c_string text out)
  string(REPLACE "\\" "\\\\" text "${text}")
  string(REPLACE "\"" "\\\"" text "${text}")
  string(REPLACE "\n" "\\n\"\n    \"" text "${text}")
  set(${out} "\"${text}\"" PARENT_SCOPE)
endfunction()

file(GLOB files "${SCRIPTS_DIR}/*.lua")
set(preludes "")
foreach(file IN LISTS files)
  file(STRINGS "${file}" first LIMIT_COUNT 1)
  if(first MATCHES "^--@with ([a-z_]+\\.lua)$")
    list(APPEND preludes "${SCRIPTS_DIR}/${CMAKE_MATCH_1}")
  endif()
endforeach()
list(SORT files)
if(preludes)
  list(REMOVE_ITEM files ${preludes})
endif()

set(code "/* Made from broker/lua/ by embed.cmake. */\n#include \"broker/redis_scripts.h\"\n")
foreach(file IN LISTS files)
  get_filename_component(name "${file}" NAME_WE)
  file(READ "${file}" text)
  if(text MATCHES "^--@with ([a-z_]+\\.lua)\n")
    file(READ "${SCRIPTS_DIR}/${CMAKE_MATCH_1}" prelude)
    # The line itself goes; it is no use to Redis.
    string(FIND "${text}" "\n" end)
    math(EXPR end "${end} + 1")
    string(SUBSTRING "${text}" ${end} -1 text)
    set(text "${prelude}${text}")
  endif()
  string(SHA1 sha1 "${text}")
  string(LENGTH "${text}" length)
  c_string("${text}" literal)
  string(APPEND code "
static const char text_${name}[] =
    ${literal};

const struct redis_script redis_script_${name} = {
    \"${name}\", \"${sha1}\", text_${name}, sizeof(text_${name}) - 1, REDIS_SCRIPT_INDEX_${name}};
")
endforeach()
file(WRITE "${OUT}" "${code}")
