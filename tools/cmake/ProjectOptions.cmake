# SPDX-License-Identifier: MIT
# project_options: how our own code is compiled. project_sanitizers: on top of it.
# Both are INTERFACE targets, so third-party code never sees our warnings.
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()

add_library(project_options INTERFACE)
target_include_directories(project_options INTERFACE "${PROJECT_SOURCE_DIR}")
target_compile_features(project_options INTERFACE c_std_17)
target_compile_definitions(project_options INTERFACE
    _GNU_SOURCE BROADCASTER_VERSION="${PROJECT_VERSION}")
target_compile_options(project_options INTERFACE
    -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla
    -fno-omit-frame-pointer -fstack-protector-strong -fstack-clash-protection
    $<$<BOOL:${BROADCASTER_WERROR}>:-Werror>
    # -O1 keeps the debugger honest and still lets gcc see uninitialised variables.
    $<$<CONFIG:Debug>:-O1>)
target_link_options(project_options INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,--as-needed)

# What not every compiler has: control flow is protected by the processor (x86), and level 3 of
# _FORTIFY_SOURCE knows sizes that 2 does not (gcc 12, clang 9, with glibc 2.34).
include(CheckCCompilerFlag)
include(CheckCSourceCompiles)
check_c_compiler_flag(-fcf-protection BROADCASTER_HAS_CF_PROTECTION)
if(BROADCASTER_HAS_CF_PROTECTION)
    target_compile_options(project_options INTERFACE -fcf-protection)
endif()
set(CMAKE_REQUIRED_FLAGS "-O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -Werror")
check_c_source_compiles("
    #include <string.h>
    #if __USE_FORTIFY_LEVEL < 3
    #error no level 3
    #endif
    int main(void) { return 0; }" BROADCASTER_HAS_FORTIFY_3)
unset(CMAKE_REQUIRED_FLAGS)
set(fortify 2)
if(BROADCASTER_HAS_FORTIFY_3)
    set(fortify 3)
endif()

# Both would hide or disturb what the sanitizers look for, so only without them.
if(NOT BROADCASTER_SANITIZE)
    target_compile_options(project_options INTERFACE
        $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=${fortify}>)
    target_link_options(project_options INTERFACE -Wl,-z,defs)
endif()

# Position independent everywhere: executables become PIE, libraries fit into them.
include(CheckPIESupported)
check_pie_supported(LANGUAGES C)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON) # gnu17

# Keeps asserts in what we ship: a broken invariant must stop one process, not lie.
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELWITHDEBINFO "${CMAKE_C_FLAGS_RELWITHDEBINFO}")

# The libraries of tools/deps are not instrumented: the sanitizers see our side
# of each call and every allocation, which is what matters here.
add_library(project_sanitizers INTERFACE)
if(BROADCASTER_SANITIZE)
    target_compile_options(project_sanitizers INTERFACE
        "-fsanitize=${BROADCASTER_SANITIZE}" -fno-sanitize-recover=all)
    target_link_options(project_sanitizers INTERFACE "-fsanitize=${BROADCASTER_SANITIZE}")
endif()
