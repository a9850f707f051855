# Debian's packages, by pkg-config. Each is linked only by the room that may know it.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(openblas REQUIRED IMPORTED_TARGET openblas)
pkg_check_modules(jansson REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(utf8proc REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(zlib REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(libcrypto REQUIRED IMPORTED_TARGET libcrypto)
pkg_check_modules(libav REQUIRED IMPORTED_TARGET libavformat libavcodec libavutil libswscale)
pkg_check_modules(libuv REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(microhttpd REQUIRED IMPORTED_TARGET libmicrohttpd)
pkg_check_modules(cmocka IMPORTED_TARGET cmocka)

# oneDNN may be absent: OpenBLAS and our own kernels then serve alone. Found by hand, since its own
# configuration asks for OpenCL, which we have no use for.
find_path(DNNL_INCLUDE_DIR dnnl.h)
find_library(DNNL_LIBRARY dnnl)
find_library(GOMP_LIBRARY NAMES gomp libgomp.so.1)
if(DNNL_INCLUDE_DIR AND DNNL_LIBRARY AND GOMP_LIBRARY)
  add_library(m2c_dnnl INTERFACE)
  target_include_directories(m2c_dnnl SYSTEM INTERFACE ${DNNL_INCLUDE_DIR})
  target_link_libraries(m2c_dnnl INTERFACE ${DNNL_LIBRARY} ${GOMP_LIBRARY})
endif()
