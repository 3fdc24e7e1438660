export type ConsumerCase = { name: string }; export async function checkConsumer(_c: unknown, _d: unknown, _w: unknown, _v: unknown): Promise<void> {}
