/** The two people of the demo. */
export const ALICE = { login: 'alice', name: 'alice@example.com', groups: ['analysts'] } as const;
export const BOB = { login: 'bob', name: 'bob@example.com', groups: ['db-owners'] } as const;
