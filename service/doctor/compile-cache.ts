import module from 'node:module';
import { disk } from '../../spool/disk.ts';
import { type Answer, ok, warn } from '../../spool/doctor/finding.ts';
import { messageOf } from '../../spool/errors.ts';

/** Whether compiled code is kept between starts: without it every runner starts 100 ms later. */
export function compileCache(): Answer {
  const wanted = process.env.NODE_COMPILE_CACHE;
  const folder = module.getCompileCacheDir();
  const advice =
    'every runner compiles anew and starts later; set NODE_COMPILE_CACHE to a folder that this user, and nobody else, may write to';
  if (wanted === undefined) return warn(`compiled code is kept nowhere, because this user has no home: ${advice}`);
  if (folder === undefined) return warn(`compiled code cannot be kept in ${wanted}: ${advice}`);
  const probe = `${folder}/.doctor-${process.pid}`;
  try {
    disk.create(probe, '', false);
    disk.remove(probe);
    return ok(`compiled code is kept in ${folder}`);
  } catch (error) {
    return warn(`compiled code cannot be kept, ${messageOf(error)}: ${advice}`);
  }
}
