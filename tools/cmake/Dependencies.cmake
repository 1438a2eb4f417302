# SPDX-License-Identifier: MIT
# Every third-party library, as an imported target. Imported targets' headers are
# SYSTEM headers: our warnings do not apply to them.
#
#   Deps::libevent      core, extra (evhttp, evdns), openssl
#   Deps::hiredis       Deps::hiredis_ssl
#   Deps::websockets    Deps::yyjson     Deps::msgpack
#   OpenSSL::SSL        OpenSSL::Crypto  ZLIB::ZLIB      Deps::cmocka (tests)
find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(ZLIB REQUIRED)

if(NOT BROADCASTER_DEPS)
    execute_process(COMMAND "${PROJECT_SOURCE_DIR}/tools/deps" --prefix
        OUTPUT_VARIABLE deps_prefix OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
else()
    set(deps_prefix "${BROADCASTER_DEPS}")
endif()
if(NOT EXISTS "${deps_prefix}/include/lws_config.h" AND NOT BROADCASTER_DEPS)
    message(FATAL_ERROR "The libraries are not built yet: run tools/deps (looked in ${deps_prefix})")
endif()
message(STATUS "Libraries: ${deps_prefix}")

# deps_library(target LIBRARY name HEADER h MINIMUM v VERSION_FILE h VERSION_MACRO m LINK ...)
# Not cached: a new recipe means a new prefix, and a stale path would win silently.
function(deps_library target)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "LIBRARY;HEADER;MINIMUM;VERSION_FILE;VERSION_MACRO" "LINK")
    find_library(library ${arg_LIBRARY} HINTS "${deps_prefix}/lib" NO_CACHE)
    find_path(include ${arg_HEADER} HINTS "${deps_prefix}/include" NO_CACHE)
    if(NOT library OR NOT include)
        message(FATAL_ERROR "${arg_LIBRARY} (${arg_HEADER}) not found in ${deps_prefix}: run tools/deps")
    endif()
    deps_header_version(found "${include}/${arg_VERSION_FILE}" "${arg_VERSION_MACRO}")
    if(found VERSION_LESS arg_MINIMUM)
        message(FATAL_ERROR "${library} is ${found}, at least ${arg_MINIMUM} is needed")
    endif()
    add_library(${target} UNKNOWN IMPORTED)
    set_target_properties(${target} PROPERTIES IMPORTED_LOCATION "${library}"
        INTERFACE_INCLUDE_DIRECTORIES "${include}" INTERFACE_LINK_LIBRARIES "${arg_LINK}")
    message(STATUS "  ${arg_LIBRARY} ${found}")
endfunction()

# The version a header states: one string macro, or <prefix>MAJOR, MINOR, PATCH.
function(deps_header_version out_version file macro)
    file(STRINGS "${file}" lines REGEX "^#define[ \t]+${macro}")
    list(JOIN lines "\n" text)
    if(text MATCHES "\"([0-9]+\\.[0-9]+\\.[0-9]+)")
        set(${out_version} "${CMAKE_MATCH_1}" PARENT_SCOPE)
    elseif(text MATCHES "MAJOR[ \t]+([0-9]+).*MINOR[ \t]+([0-9]+).*PATCH[ \t]+([0-9]+)")
        set(${out_version} "${CMAKE_MATCH_1}.${CMAKE_MATCH_2}.${CMAKE_MATCH_3}" PARENT_SCOPE)
    else()
        message(FATAL_ERROR "no version (${macro}) in ${file}")
    endif()
endfunction()

# --- the system's ---
pkg_check_modules(libevent REQUIRED IMPORTED_TARGET
    libevent_core>=2.1.12 libevent_extra>=2.1.12 libevent_openssl>=2.1.12)
add_library(Deps::libevent ALIAS PkgConfig::libevent)

# Debian 12 calls it msgpack, newer releases msgpack-c.
pkg_search_module(msgpack REQUIRED IMPORTED_TARGET msgpack-c>=4.0 msgpack>=4.0)
add_library(Deps::msgpack ALIAS PkgConfig::msgpack)

if(BROADCASTER_TESTS)
    pkg_check_modules(cmocka IMPORTED_TARGET cmocka>=1.1.5)
    if(NOT cmocka_FOUND)
        message(FATAL_ERROR "cmocka not found: run tools/deps --test, or use -DBROADCASTER_TESTS=OFF")
    endif()
    add_library(Deps::cmocka ALIAS PkgConfig::cmocka)
endif()

# --- from tools/deps ---
deps_library(Deps::yyjson LIBRARY yyjson HEADER yyjson.h MINIMUM 0.10.0
    VERSION_FILE yyjson.h VERSION_MACRO YYJSON_VERSION_STRING)
deps_library(Deps::hiredis LIBRARY hiredis HEADER hiredis/hiredis.h MINIMUM 1.2.0
    VERSION_FILE hiredis/hiredis.h VERSION_MACRO HIREDIS_)
deps_library(Deps::hiredis_ssl LIBRARY hiredis_ssl HEADER hiredis/hiredis_ssl.h MINIMUM 1.2.0
    VERSION_FILE hiredis/hiredis.h VERSION_MACRO HIREDIS_
    LINK Deps::hiredis OpenSSL::SSL OpenSSL::Crypto)
deps_library(Deps::websockets LIBRARY websockets HEADER libwebsockets.h MINIMUM 4.3.3
    VERSION_FILE lws_config.h VERSION_MACRO "LWS_LIBRARY_VERSION "
    LINK Deps::libevent OpenSSL::SSL OpenSSL::Crypto ZLIB::ZLIB ${CMAKE_DL_LIBS} m)

# Versions say nothing about this: Debian's own package is built without it.
get_target_property(lws_include Deps::websockets INTERFACE_INCLUDE_DIRECTORIES)
file(STRINGS "${lws_include}/lws_config.h" lws_libevent REGEX "^#define LWS_WITH_LIBEVENT$")
if(NOT lws_libevent)
    message(FATAL_ERROR "libwebsockets in ${lws_include} was built without libevent: run tools/deps")
endif()
