# SPDX-License-Identifier: MIT
# add_layer(name SOURCES a.c ... LINK ...): one static library of our own code.
# Without any source yet it is an empty interface, so that a new folder configures.
function(add_layer name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
    if(arg_SOURCES)
        add_library(${name} STATIC ${arg_SOURCES})
        target_link_libraries(${name} PUBLIC ${arg_LINK} project_options project_sanitizers)
    else()
        add_library(${name} INTERFACE)
        target_link_libraries(${name} INTERFACE ${arg_LINK} project_options project_sanitizers)
    endif()
endfunction()

# add_service(name core): main.c of this folder + its core, installed to bin/.
function(add_service name core)
    if(NOT EXISTS "${CMAKE_CURRENT_SOURCE_DIR}/main.c")
        return()
    endif()
    add_executable(${name} main.c)
    target_link_libraries(${name} PRIVATE ${core})
    install(TARGETS ${name} RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endfunction()
