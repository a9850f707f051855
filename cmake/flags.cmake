# Every target of ours links m2c_flags: warnings, hardening, sanitizers.
add_library(m2c_flags INTERFACE)
target_include_directories(m2c_flags INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/core)
target_compile_definitions(m2c_flags INTERFACE _GNU_SOURCE)
target_compile_options(m2c_flags INTERFACE
  -Wall -Wextra -Wvla -Wconversion -Wsign-conversion -Wshadow -Wstrict-prototypes
  -Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wundef -Wformat=2 -Wswitch-enum
  -fno-math-errno
  -fstack-protector-strong -fPIE)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  target_compile_options(m2c_flags INTERFACE -Wlogical-op -Wduplicated-cond -Wcast-align=strict)
endif()
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  target_compile_options(m2c_flags INTERFACE -fcf-protection)
endif()
if(M2C_WERROR)
  target_compile_options(m2c_flags INTERFACE -Werror)
endif()
if(M2C_SANITIZE)
  target_compile_options(m2c_flags INTERFACE -fsanitize=${M2C_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(m2c_flags INTERFACE -fsanitize=${M2C_SANITIZE})
else()
  # Sanitizers put guards between locals: frames are judged as they ship.
  target_compile_options(m2c_flags INTERFACE -fstack-clash-protection -Wframe-larger-than=16384
    $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE$<SEMICOLON>-D_FORTIFY_SOURCE=2>)
endif()
target_link_options(m2c_flags INTERFACE -pie -Wl,-z,relro,-z,now)
