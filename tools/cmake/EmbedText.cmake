# SPDX-License-Identifier: MIT
# embed_text(target file.lua symbol): puts a text file into a target.
#
#   embed_text(publisher_core publish.lua publish_lua)
#   #include "publish_lua.h"   ->  extern const char publish_lua[];        zero at the end
#                                  extern const size_t publish_lua_len;    without that zero
#
# This file is also the script that writes the two files at build time.
if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
    file(READ "${INPUT}" hex HEX)
    string(LENGTH "${hex}" digits)
    math(EXPR length "${digits} / 2")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
    string(REGEX REPLACE "(('[^']*',){16})" "\\1\n    " bytes "${bytes}")
    get_filename_component(name "${INPUT}" NAME)
    set(note "/* Made from ${name} by tools/cmake/EmbedText.cmake. */")
    file(WRITE "${OUTPUT}.h" "${note}\n#pragma once\n#include <stddef.h>\n"
        "extern const char ${SYMBOL}[];\nextern const size_t ${SYMBOL}_len;\n")
    # Character constants, because 0xe2 (a comment in UTF-8) does not fit in a char.
    file(WRITE "${OUTPUT}.c" "${note}\n#include \"${SYMBOL}.h\"\n"
        "const char ${SYMBOL}[] = {\n    ${bytes}'\\0'};\n"
        "const size_t ${SYMBOL}_len = ${length};\n")
    return()
endif()

set(embed_text_script "${CMAKE_CURRENT_LIST_FILE}")

function(embed_text target file symbol)
    set(input "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
    set(output "${CMAKE_CURRENT_BINARY_DIR}/embedded/${symbol}")
    add_custom_command(OUTPUT "${output}.c" "${output}.h"
        COMMAND "${CMAKE_COMMAND}" -D "INPUT=${input}" -D "OUTPUT=${output}" -D "SYMBOL=${symbol}"
            -P "${embed_text_script}"
        DEPENDS "${input}" "${embed_text_script}"
        COMMENT "Embedding ${file}" VERBATIM)
    target_sources(${target} PRIVATE "${output}.c" "${output}.h")
    target_include_directories(${target} PRIVATE "${CMAKE_CURRENT_BINARY_DIR}/embedded")
endfunction()
