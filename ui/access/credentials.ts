/** Who may come in. Without any password or token everybody may: the service sees to it that this happens on loopback only, or on purpose. */
export type Credentials = {
  user: string;
  password: string | undefined;
  token: string | undefined;
  /** The read-only ones. */
  viewerUser: string;
  viewerPassword: string | undefined;
  viewerToken: string | undefined;
  /** `none`: asked for aloud, so that names other than loopback's are fine without a password. */
  auth: 'required' | 'none';
};

/** Whether nobody is asked for anything. A viewer's password or token alone asks everybody for it. */
export const isOpen = ({ password, token, viewerPassword, viewerToken }: Credentials): boolean =>
  [password, token, viewerPassword, viewerToken].every((secret) => secret === undefined);
