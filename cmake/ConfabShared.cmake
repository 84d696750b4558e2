# libconfab.so: all rooms, made of the objects that the programs are linked from. libwebsockets (and
# whatever else deploy/deps built) is inside and hidden; libraries that the system has are loaded
# beside it. libevent is always one of these, since an application may bring a loop of its own.

set(confab_rooms confab_app confab_chat confab_net confab_socketio confab_engineio confab_broker
  confab_broker_core confab_common)

foreach(room IN LISTS confab_rooms)
  list(APPEND confab_objects "$<TARGET_OBJECTS:${room}>")
endforeach()
add_library(confab SHARED ${confab_objects})
target_link_libraries(confab PRIVATE
  deps::lws deps::hiredis deps::yyjson deps::msgpackc deps::utf8proc deps::crypto deps::libevent
  ${CMAKE_DL_LIBS} m)
target_include_directories(confab INTERFACE
  "$<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include>" "$<INSTALL_INTERFACE:include>")
set(confab_map "${CMAKE_SOURCE_DIR}/cmake/confab.map")
target_link_options(confab PRIVATE "LINKER:--version-script=${confab_map}" LINKER:--as-needed)
# A sanitizer's runtime comes with the program.
if(NOT CONFAB_SANITIZE AND NOT CONFAB_FUZZ)
  target_link_options(confab PRIVATE LINKER:--no-undefined)
endif()
set_target_properties(confab PROPERTIES
  LINKER_LANGUAGE C
  LINK_DEPENDS "${confab_map}"
  VERSION ${PROJECT_VERSION}
  SOVERSION ${PROJECT_VERSION_MAJOR})
