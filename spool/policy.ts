import { durationMs } from './duration.ts';
import type { RequestPolicy } from './request.ts';

/** How a job's failures are met, all fields decided. Times in milliseconds. */
export type Policy = {
  /** Attempts after the first. */
  retries: number;
  retryDelayMs: number;
  backoff: 'fixed' | 'exponential';
  /** No wait between two attempts is longer. */
  maxDelayMs: number;
  /** How long one attempt may take. */
  timeoutMs: number;
  /** Names of the only errors that are retried; undefined: all are. */
  retryOn?: readonly string[] | undefined;
  /** Names of errors that are never retried. */
  noRetryOn?: readonly string[] | undefined;
};

/** A policy as users write it in the allow-list: any field may be missing. */
export type PartialPolicy = RequestPolicy & {
  maxDelay?: number | string | undefined;
  retryOn?: readonly string[] | undefined;
  noRetryOn?: readonly string[] | undefined;
};

/** What the service does when neither the request nor the method says otherwise. */
export const DEFAULT_POLICY: Policy = {
  retries: 3,
  retryDelayMs: 5_000,
  backoff: 'exponential',
  maxDelayMs: 3_600_000,
  timeoutMs: 3_600_000,
};

/** The policy of one job: the request's fields before the method's before the service's. */
export function resolvePolicy(request: RequestPolicy, method: PartialPolicy, service: Policy): Policy {
  return {
    retries: request.retries ?? method.retries ?? service.retries,
    retryDelayMs: durationMs(request.retryDelay ?? method.retryDelay) ?? service.retryDelayMs,
    backoff: request.backoff ?? method.backoff ?? service.backoff,
    maxDelayMs: durationMs(method.maxDelay) ?? service.maxDelayMs,
    timeoutMs: durationMs(request.timeout ?? method.timeout) ?? service.timeoutMs,
    retryOn: method.retryOn ?? service.retryOn,
    noRetryOn: method.noRetryOn ?? service.noRetryOn,
  };
}
