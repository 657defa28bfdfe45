# What `cmake --install` puts below the prefix: the three programs and what a person reads about them. Libraries of the
# product are static and stay behind.
include(GNUInstallDirs)
get_property(programs GLOBAL PROPERTY WAYSIDE_PROGRAMS)
install(TARGETS ${programs} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES LICENSE README.md CHANGELOG.md SECURITY.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY docs schemas DESTINATION ${CMAKE_INSTALL_DOCDIR}
        FILES_MATCHING PATTERN "*.md" PATTERN "*.fbs" PATTERN "*.yaml" PATTERN "CMakeLists.txt" EXCLUDE)
