/* libmicrohttpd, loaded when a server starts (base/late.h). */
#pragma once
#include "base/late.h"
#include <microhttpd.h>

#define LATE_LIST(X) \
        X(MHD_add_response_header) X(MHD_create_post_processor) X(MHD_create_response_from_buffer) X(MHD_create_response_from_callback) X(MHD_create_response_from_fd_at_offset64) \
        X(MHD_destroy_post_processor) X(MHD_destroy_response) X(MHD_get_connection_info) X(MHD_get_daemon_info) X(MHD_get_version) X(MHD_is_feature_supported) \
        X(MHD_lookup_connection_value) X(MHD_post_process) X(MHD_queue_response) X(MHD_quiesce_daemon) X(MHD_resume_connection) X(MHD_start_daemon) X(MHD_stop_daemon) \
        X(MHD_suspend_connection)
LATE_LIST(LATE_EXTERN)

#ifndef LATE_HERE
#define MHD_add_response_header late_MHD_add_response_header
#define MHD_create_post_processor late_MHD_create_post_processor
#define MHD_create_response_from_buffer late_MHD_create_response_from_buffer
#define MHD_create_response_from_callback late_MHD_create_response_from_callback
#define MHD_create_response_from_fd_at_offset64 late_MHD_create_response_from_fd_at_offset64
#define MHD_destroy_post_processor late_MHD_destroy_post_processor
#define MHD_destroy_response late_MHD_destroy_response
#define MHD_get_connection_info late_MHD_get_connection_info
#define MHD_get_daemon_info late_MHD_get_daemon_info
#define MHD_get_version late_MHD_get_version
#define MHD_is_feature_supported late_MHD_is_feature_supported
#define MHD_lookup_connection_value late_MHD_lookup_connection_value
#define MHD_post_process late_MHD_post_process
#define MHD_queue_response late_MHD_queue_response
#define MHD_quiesce_daemon late_MHD_quiesce_daemon
#define MHD_resume_connection late_MHD_resume_connection
#define MHD_start_daemon late_MHD_start_daemon
#define MHD_stop_daemon late_MHD_stop_daemon
#define MHD_suspend_connection late_MHD_suspend_connection
#endif

bool mhd_load(struct error *e);
