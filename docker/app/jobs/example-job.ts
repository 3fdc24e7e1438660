/** The smallest job there is. */
export class ExampleJob {
  execute(text: string): string {
    console.log(`ExampleJob says: ${text}`);
    return text;
  }
}
