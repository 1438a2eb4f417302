# SPDX-License-Identifier: MIT
# Run in each build: OUTPUT becomes a C file with git's name of SOURCE (or REVISION, when that is not
# empty), and is left alone when it says so already. An archive has no revision.
if(NOT REVISION)
    execute_process(COMMAND git -C "${SOURCE}" describe --always --dirty --match=
        OUTPUT_VARIABLE REVISION OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
    if(failed)
        set(REVISION "")
    endif()
endif()
set(text "#include \"common/service/revision.h\"\nconst char broadcaster_revision[] = \"${REVISION}\";\n")
if(EXISTS "${OUTPUT}")
    file(READ "${OUTPUT}" before)
endif()
if(NOT "${before}" STREQUAL "${text}")
    file(WRITE "${OUTPUT}" "${text}")
endif()
