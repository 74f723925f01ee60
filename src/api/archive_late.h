/* libarchive, loaded with the first archive that is uploaded (base/late.h). */
#pragma once
#include "base/late.h"
#include <archive.h>
#include <archive_entry.h>

#define LATE_LIST(X) \
        X(archive_entry_filetype) X(archive_entry_hardlink) X(archive_entry_pathname) X(archive_entry_symlink) X(archive_error_string) \
        X(archive_read_data) X(archive_read_free) X(archive_read_new) X(archive_read_next_header) X(archive_read_open_memory) \
        X(archive_read_support_filter_gzip) X(archive_read_support_format_tar) X(archive_read_support_format_zip)
LATE_LIST(LATE_EXTERN)

#ifndef LATE_HERE
#define archive_entry_filetype late_archive_entry_filetype
#define archive_entry_hardlink late_archive_entry_hardlink
#define archive_entry_pathname late_archive_entry_pathname
#define archive_entry_symlink late_archive_entry_symlink
#define archive_error_string late_archive_error_string
#define archive_read_data late_archive_read_data
#define archive_read_free late_archive_read_free
#define archive_read_new late_archive_read_new
#define archive_read_next_header late_archive_read_next_header
#define archive_read_open_memory late_archive_read_open_memory
#define archive_read_support_filter_gzip late_archive_read_support_filter_gzip
#define archive_read_support_format_tar late_archive_read_support_format_tar
#define archive_read_support_format_zip late_archive_read_support_format_zip
#endif

/* Once, whoever comes first. */
bool archive_load(struct error *e);
