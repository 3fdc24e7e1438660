import type { DashboardPlan, LoadedDashboard, Surroundings } from './dashboard.ts';
import { listen } from './listen.ts';

export type RunningDashboard = {
  port: number;
  /** Rejects when it cannot be loaded; requests wait for it. */
  loaded: Promise<LoadedDashboard>;
  /** Ends the streams of open pages, then waits up to 3 s for answers that are under way. */
  close(): Promise<void>;
};

const CLOSE_MS = 3_000;

/**
 * Serves the dashboard and the API in this thread. Rejects with ConfigError when the port is taken. That is known long before the dashboard is
 * loaded: a dispatcher beside it need not wait.
 */
export async function startDashboard(plan: DashboardPlan, around: Surroundings): Promise<RunningDashboard> {
  const { host, port } = plan.config;
  let loaded: Promise<LoadedDashboard>;
  const server = await listen(async (request, env) => (await loaded).fetch(request, env), host, port);
  loaded = import('./dashboard.ts').then(({ loadDashboard }) => loadDashboard(plan, around));
  return {
    port: server.port,
    loaded,
    close: async () => {
      const dashboard = await loaded.catch(() => undefined);
      dashboard?.stop();
      await server.close(CLOSE_MS);
      dashboard?.log.close();
    },
  };
}
