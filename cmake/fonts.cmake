# The pinned fonts: pictures must not depend on the machine. Found in Debian's packages, embedded at
# build time; elsewhere give the paths (-DSF_FONT_REGULAR=/path/OpenSans-Regular.ttf ...).
function(sf_find_font variable file package)
  find_file(${variable} NAMES ${file} PATHS /usr/share/fonts /usr/local/share/fonts
    $ENV{WINDIR}/Fonts /Library/Fonts
    PATH_SUFFIXES truetype/open-sans truetype/dejavu open-sans dejavu TTF opensans
    NO_DEFAULT_PATH DOC "${file} (Debian package ${package})")
  if(NOT ${variable} OR NOT EXISTS "${${variable}}")
    message(FATAL_ERROR "${file} was not found. Install Debian's package ${package}, or pass "
      "-D${variable}=/path/to/${file}")
  endif()
endfunction()

sf_find_font(SF_FONT_REGULAR OpenSans-Regular.ttf fonts-open-sans)
sf_find_font(SF_FONT_BOLD OpenSans-Semibold.ttf fonts-open-sans)
sf_find_font(SF_FONT_ITALIC OpenSans-Italic.ttf fonts-open-sans)
sf_find_font(SF_FONT_FALLBACK DejaVuSans.ttf fonts-dejavu-core)
sf_find_font(SF_FONT_FALLBACK_BOLD DejaVuSans-Bold.ttf fonts-dejavu-core)
set(SF_FONTS ${SF_FONT_REGULAR} ${SF_FONT_BOLD} ${SF_FONT_ITALIC} ${SF_FONT_FALLBACK}
  ${SF_FONT_FALLBACK_BOLD})
