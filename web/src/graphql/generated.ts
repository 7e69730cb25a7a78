// Generated from the schema and the documents by `npm run codegen`. Never edited.
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { TypedDocumentNode as DocumentNode } from '@graphql-typed-document-node/core';
export type Maybe<T> = T | null;
export type InputMaybe<T> = Maybe<T>;
/** All built-in and custom scalars, mapped to their actual values */
export type Scalars = {
  ID: { input: string; output: string; }
  String: { input: string; output: string; }
  Boolean: { input: boolean; output: boolean; }
  Int: { input: number; output: number; }
  Float: { input: number; output: number; }
  /** An opaque position in one list, feed or log; a string. Never parse it; never use it for another list. */
  Cursor: { input: string; output: string; }
  /** An instant: RFC 3339 in UTC with exactly three digits of milliseconds, like 2026-11-25T04:44:34.120Z. */
  DateTime: { input: string; output: string; }
  /** Any JSON value. Whole numbers are exact to 64 bit, other numbers as doubles; the order of keys is kept. */
  JSON: { input: unknown; output: unknown; }
  /** A whole number from -(2^53) to 2^53, sent as a JSON number. */
  Long: { input: number; output: number; }
};

/** How to stop a job. */
export type CancelMode =
  /** KILL now. */
  | 'FORCE'
  /** TERM, wait the kind's grace, then KILL. */
  | 'GRACEFUL';

/** How an attempt or a job ended. May grow. */
export type EndReason =
  /** Somebody asked to cancel it. */
  | 'CANCEL_REQUESTED'
  /** Its exit code says failure. */
  | 'EXIT_CODE'
  /** Its server or worker died, and nobody knows how it ended. */
  | 'LOST'
  /** Given back before its program began; counts for nothing. */
  | 'NOT_STARTED'
  /** It did what it should. */
  | 'OK'
  /** The kernel ended it for want of memory. */
  | 'OUT_OF_MEMORY'
  /** It wrote a result that is no JSON, too large, or not what its kind promises. */
  | 'RESULT_INVALID'
  /** The server stopped while it ran. */
  | 'SHUTDOWN'
  /** A signal that Longhaul did not send ended it. */
  | 'SIGNAL'
  /** Its program could not be started. */
  | 'SPAWN_FAILED'
  /** It ran longer than its timeout. */
  | 'TIMEOUT'
  /** Its processes did not die when they were killed. */
  | 'UNKILLABLE';

/** What happened to a job. May grow. */
export type JobChange =
  /** It was asked to stop. */
  | 'CANCELING'
  /** It reached its last state. */
  | 'ENDED'
  /** Its place or its reason to wait moved. */
  | 'POSITION'
  /** It reported progress. */
  | 'PROGRESS'
  /** It was accepted, or is back in its queue. */
  | 'QUEUED'
  /** It is gone: pruned after its time. */
  | 'REMOVED'
  /** An attempt failed and another one will come. */
  | 'RETRYING'
  /** Nothing: the first event of a stream, the job as it is. */
  | 'SNAPSHOT'
  /** An attempt began: its process exists. */
  | 'STARTED'
  /** Something else about it changed. */
  | 'UPDATED';

/** Which jobs: all that is given must hold. null or absent: no condition; an empty list matches nothing. */
export type JobFilter = {
  /** Of one of these kinds, by name. */
  kinds?: InputMaybe<Array<Scalars['String']['input']>>;
  /** In one of these queues, by name. */
  queues?: InputMaybe<Array<Scalars['String']['input']>>;
  /** In one of these states. */
  states?: InputMaybe<Array<JobState>>;
};

/** The order of a list of jobs. */
export type JobOrder =
  /** The one accepted last first. */
  | 'NEWEST'
  /** The one accepted first first. */
  | 'OLDEST';

/** Where a job is. These six are all there will ever be. */
export type JobState =
  /** Stopped on request; none of its processes is left. Final. */
  | 'CANCELED'
  /** Asked to stop; its processes are not all gone. */
  | 'CANCELING'
  /** Ended badly; `reason` says how. Final. */
  | 'FAILED'
  /** Waiting; `wait` says for what. */
  | 'QUEUED'
  /** Its process was started, and its end is not recorded yet. */
  | 'RUNNING'
  /** Ended well. Final. */
  | 'SUCCEEDED';

/** Which output a line came from. */
export type LogStream =
  /** What it printed on standard error. */
  | 'STDERR'
  /** What the command printed on standard output. */
  | 'STDOUT'
  /** What Longhaul says about the attempt. */
  | 'SYSTEM';

/** What to start. */
export type StartJobInput = {
  /** Its arguments; null: `{}`. */
  args?: InputMaybe<Scalars['JSON']['input']>;
  /** Same key and same input: the first job. Other input: `IDEMPOTENCY_CONFLICT`. Keys live as long as the job, 24 hours at least. */
  idempotencyKey?: InputMaybe<Scalars['String']['input']>;
  /** The kind's name. */
  kind: Scalars['String']['input'];
  /** Not to start before; when the time comes it takes its place by when it was accepted. */
  notBefore?: InputMaybe<Scalars['DateTime']['input']>;
  /** How long an attempt may run; never more than the kind allows. */
  timeoutMs?: InputMaybe<Scalars['Long']['input']>;
};

/** Why a job waits. May grow. */
export type WaitReason =
  /** The server is stopping and starts nothing more. */
  | 'DRAINING'
  /** Its `notBefore` has not come. */
  | 'NOT_BEFORE'
  /** No live worker takes its kind. */
  | 'NO_WORKER'
  /** Its queue is paused. */
  | 'QUEUE_PAUSED'
  /** Every slot of its queue is taken. */
  | 'QUEUE_SLOTS_BUSY'
  /** An attempt failed; the next one comes after a pause. */
  | 'RETRY_BACKOFF'
  /** Every slot of the worker, or of all workers, is taken. */
  | 'SLOTS_BUSY'
  /** It has a slot; its process is being started. */
  | 'STARTING';

export type ServerQueryVariables = Exact<{ [key: string]: never; }>;


export type ServerQuery = { server: { version: string, now: string, accepting: boolean, startedAt: string } };


export const ServerDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"Server"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"server"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"version"}},{"kind":"Field","name":{"kind":"Name","value":"now"}},{"kind":"Field","name":{"kind":"Name","value":"accepting"}},{"kind":"Field","name":{"kind":"Name","value":"startedAt"}}]}}]}}]} as unknown as DocumentNode<ServerQuery, ServerQueryVariables>;