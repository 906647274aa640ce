# cmake -DIN=file -DOUT=file.c -DNAME=symbol -P embed.cmake: the file's bytes as
#     const unsigned char NAME[]; const size_t NAME_bytes;
file(READ ${IN} hex HEX)
string(LENGTH "${hex}" digits)
math(EXPR bytes "${digits} / 2")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
string(REGEX REPLACE "((0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,)(0x..,))" "\\1\n" hex "${hex}")
get_filename_component(from ${IN} NAME)
file(WRITE ${OUT} "/* ${from}, embedded by cmake/embed.cmake */\n#include <stddef.h>\n"
	"extern const unsigned char ${NAME}[];\nextern const size_t ${NAME}_bytes;\n"
	"const unsigned char ${NAME}[] = {\n${hex}0};\nconst size_t ${NAME}_bytes = ${bytes};\n")
