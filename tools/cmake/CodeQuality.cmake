# SPDX-License-Identifier: MIT
# Targets: format, format-check, tidy, lint.
add_custom_target(format COMMAND "${PROJECT_SOURCE_DIR}/tools/format" VERBATIM)
add_custom_target(format-check COMMAND "${PROJECT_SOURCE_DIR}/tools/format" --check VERBATIM)
add_custom_target(lint COMMAND "${PROJECT_SOURCE_DIR}/tools/lint" VERBATIM)

# clang reads the compile commands that were written for gcc: it must not fail on
# a warning flag it does not know, nor on sanitizer flags.
# The analyzer takes nearly all of the time. A third of its usual bound on the states of one
# function halves that, and finds here what the whole bound does. What is shipped is checked, not
# the tests. Any finding fails the target (WarningsAsErrors in .clang-tidy).
find_program(RUN_CLANG_TIDY NAMES run-clang-tidy run-clang-tidy-14)
if(RUN_CLANG_TIDY)
    add_custom_target(tidy
        COMMAND "${PROJECT_SOURCE_DIR}/tools/tidy" "${PROJECT_BINARY_DIR}/tidy.log"
            "${RUN_CLANG_TIDY}" -quiet -j 2 -p "${PROJECT_BINARY_DIR}"
            -extra-arg=-Wno-unknown-warning-option
            -extra-arg=-Xclang -extra-arg=-analyzer-config
            -extra-arg=-Xclang -extra-arg=max-nodes=75000
            "^${PROJECT_SOURCE_DIR}/(common|proto|gateway|publisher|tools)/.*\\.c$"
        WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}" USES_TERMINAL VERBATIM)
    # Generated headers must exist before clang looks for them.
    foreach(target IN ITEMS gateway_core publisher_core)
        get_target_property(type ${target} TYPE)
        if(NOT type STREQUAL "INTERFACE_LIBRARY")
            add_dependencies(tidy ${target})
        endif()
    endforeach()
else()
    add_custom_target(tidy COMMAND "${CMAKE_COMMAND}" -E echo "clang-tidy missing: tools/deps --test"
        COMMAND "${CMAKE_COMMAND}" -E false VERBATIM)
endif()
