import { Counter, Gauge, type Registry } from 'prom-client';

/**
 * The process that answers, by the names that all Prometheus clients use. prom-client's own set measures the event loop all the time, which would
 * cost an idle service more than all the rest.
 */
export function addProcess(registry: Registry): void {
  const registers = [registry];
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'Processor time that this process has used; runners are processes of their own.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1_000_000);
    },
  });
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Memory that this process has in use.',
    registers,
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  new Gauge({ name: 'process_start_time_seconds', help: 'When this process began, in seconds since the epoch.', registers }).set(
    Math.round(Date.now() / 1_000 - process.uptime()),
  );
}
