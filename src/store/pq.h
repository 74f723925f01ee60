/* libpq, loaded when a store is PostgreSQL's (base/late.h). */
#pragma once
#include "base/late.h"
#include <libpq-fe.h>

#define LATE_LIST(X) \
        X(PQbackendPID) X(PQclear) X(PQcmdTuples) X(PQconnectdbParams) X(PQconninfoFree) X(PQconninfoParse) \
        X(PQenterPipelineMode) X(PQerrorMessage) X(PQexec) X(PQexecParams) X(PQexecPrepared) X(PQexitPipelineMode) X(PQfinish) X(PQgetResult) \
        X(PQgetisnull) X(PQgetlength) X(PQgetvalue) X(PQnfields) X(PQntuples) X(PQpipelineSync) X(PQprepare) X(PQresultErrorField) X(PQresultStatus) \
        X(PQsendQueryPrepared) X(PQserverVersion) X(PQsetNoticeProcessor) X(PQstatus) X(PQtransactionStatus)
LATE_LIST(LATE_EXTERN)

#ifndef LATE_HERE
#define PQbackendPID late_PQbackendPID
#define PQclear late_PQclear
#define PQcmdTuples late_PQcmdTuples
#define PQconnectdbParams late_PQconnectdbParams
#define PQconninfoFree late_PQconninfoFree
#define PQconninfoParse late_PQconninfoParse
#define PQenterPipelineMode late_PQenterPipelineMode
#define PQerrorMessage late_PQerrorMessage
#define PQexec late_PQexec
#define PQexecParams late_PQexecParams
#define PQexecPrepared late_PQexecPrepared
#define PQexitPipelineMode late_PQexitPipelineMode
#define PQfinish late_PQfinish
#define PQgetResult late_PQgetResult
#define PQgetisnull late_PQgetisnull
#define PQgetlength late_PQgetlength
#define PQgetvalue late_PQgetvalue
#define PQnfields late_PQnfields
#define PQntuples late_PQntuples
#define PQpipelineSync late_PQpipelineSync
#define PQprepare late_PQprepare
#define PQresultErrorField late_PQresultErrorField
#define PQresultStatus late_PQresultStatus
#define PQsendQueryPrepared late_PQsendQueryPrepared
#define PQserverVersion late_PQserverVersion
#define PQsetNoticeProcessor late_PQsetNoticeProcessor
#define PQstatus late_PQstatus
#define PQtransactionStatus late_PQtransactionStatus
#endif

/* Once, whoever comes first. */
bool pq_load(struct error *e);
