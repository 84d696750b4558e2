// What `cmake --install` puts where, and the ways in which a program elsewhere finds it.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, test } from 'node:test';

import { closeAll, closeLeftovers, connect, heard } from '../interop/lib/clients.js';
import { Gateway, binaries, killLeftovers } from '../interop/lib/processes.js';
import { build, compile, pkgConfig, prefix, root, run, start } from './lib/installed.js';

const work = mkdtempSync(join(tmpdir(), 'confab-install-'));
after(() => {
  closeLeftovers();
  killLeftovers();
  rmSync(work, { recursive: true });
});

const version = () => {
  const text = readFileSync(join(prefix, 'include/confab/version.h'), 'utf8');
  return ['MAJOR', 'MINOR', 'PATCH'].map((part) => new RegExp(`_${part} (\\d+)`).exec(text)[1]).join('.');
};

// The tutorial's program: what one says comes to all, and once more to the speaker.
async function assertTutorialWorks(gateway) {
  const [one, other] = [await connect(gateway.url), await connect(gateway.url)];
  one.emit('send_msg', 'hello');
  assert.deepEqual(await heard(other, 'send_msg'), ['hello']);
  closeAll(one, other);
  await gateway.stop();
}

test('everything is there, and every public header', () => {
  const files = readdirSync(prefix, { recursive: true }).map(String);
  for (const file of [`lib/libconfab.so.${version()}`, 'lib/libconfab.so.0', 'lib/libconfab.so', 'lib/pkgconfig/confab.pc', 'lib/cmake/confab/confab-config.cmake',
    'lib/cmake/confab/confab-config-version.cmake', 'bin/confab-gateway', 'bin/confab-load', 'share/confab/web/client/socket.io.js', 'share/confab/web/page/index.html']) {
    assert.ok(files.includes(file), file);
  }
  const headers = (directory) => readdirSync(directory).filter((file) => file.endsWith('.h')).sort();
  assert.deepEqual(headers(join(prefix, 'include/confab')), headers(join(root, 'include/confab')));
  assert.deepEqual(readdirSync(join(prefix, 'include')), ['confab']);
});

test('every header stands alone, in C++ as well', { skip: spawnSync('c++', ['--version']).error && 'no C++ compiler' }, () => {
  for (const file of readdirSync(join(prefix, 'include/confab'))) {
    writeFileSync(join(work, 'header.cc'), `#include <confab/${file}>\n`);
    run('c++', ['-std=c++11', '-Wall', '-Wextra', '-Wpedantic', '-Werror', '-fsyntax-only', ...pkgConfig('--cflags'), join(work, 'header.cc')]);
  }
});

test('nothing in what is installed knows where it was made', () => {
  for (const file of ['lib/pkgconfig/confab.pc', 'lib/cmake/confab/confab-config.cmake']) {
    assert.ok(!readFileSync(join(prefix, file), 'utf8').includes(root), file);
  }
  assert.doesNotMatch(run('readelf', ['-d', join(prefix, 'lib/libconfab.so')]), /R(UN)?PATH/);
});

test('the library has a soname, and libwebsockets inside', () => {
  const dynamic = run('readelf', ['-d', join(prefix, 'lib/libconfab.so')]);
  assert.match(dynamic, /SONAME.*\[libconfab\.so\.0\]/);
  assert.doesNotMatch(dynamic, /NEEDED.*websockets/);
  assert.match(dynamic, /NEEDED.*libevent_core/);
  const undefined_ = run('nm', ['-D', '--undefined-only', join(prefix, 'lib/libconfab.so')]);
  assert.doesNotMatch(undefined_, / lws_/);
});

test('pkg-config', async () => {
  assert.deepEqual(pkgConfig('--modversion'), [version()]);
  cpSync(join(root, 'examples/send_msg.c'), join(work, 'send_msg.c'));
  await assertTutorialWorks(await start(compile(join(work, 'send_msg.c'), 'by-pkg-config')));
});

test('find_package, also of a version', async () => {
  const project = join(work, 'project');
  mkdirSync(project);
  cpSync(join(root, 'examples/send_msg.c'), join(project, 'send_msg.c'));
  writeFileSync(join(project, 'CMakeLists.txt'), `cmake_minimum_required(VERSION 3.16)
project(elsewhere LANGUAGES C)
find_package(confab ${version()} REQUIRED)
add_executable(by-cmake send_msg.c)
target_link_libraries(by-cmake PRIVATE confab::confab)
`);
  run('cmake', ['-G', 'Ninja', '-S', project, '-B', join(project, 'build'), `-DCMAKE_PREFIX_PATH=${prefix}`]);
  run('cmake', ['--build', join(project, 'build')]);
  cpSync(join(project, 'build/by-cmake'), join(binaries, 'by-cmake'));
  await assertTutorialWorks(await start('by-cmake'));
});

test('DESTDIR, and a prefix that was moved', async () => {
  run('cmake', ['--install', build, '--prefix', '/opt/confab'], { env: { ...process.env, DESTDIR: join(work, 'destination') } });
  const moved = join(work, 'moved');
  renameSync(join(work, 'destination/opt/confab'), moved);
  assert.deepEqual(readdirSync(moved).sort(), readdirSync(prefix).sort());
  const flags = run('pkg-config', ['--cflags', '--libs', 'confab'], { env: { ...process.env, PKG_CONFIG_PATH: join(moved, 'lib/pkgconfig') } });
  for (const path of flags.matchAll(/-[IL](\S+)/g)) assert.ok(existsSync(path[1]), path[1]);
  const gateway = await Gateway.start([], { binary: relative(binaries, join(moved, 'bin/confab-gateway')) });
  assert.match(await (await fetch(gateway.url)).text(), /<title>Confab<\/title>/);
  await gateway.stop();
});

test('a program elsewhere serves the client bundles that came with the library', async () => {
  cpSync(join(root, 'examples/send_msg.c'), join(work, 'bundles.c'));
  const gateway = await start(compile(join(work, 'bundles.c'), 'bundles'));
  const answer = await fetch(`${gateway.url}/socket.io/socket.io.min.js`);
  assert.equal(answer.status, 200);
  await answer.text();
  await gateway.stop();
});

test('every example compiles against what is installed', () => {
  const examples = readdirSync(join(root, 'examples')).filter((file) => file.endsWith('.c'));
  assert.ok(examples.includes('send_msg.c'));
  for (const file of examples) {
    cpSync(join(root, 'examples', file), join(work, file));
    compile(join(work, file), `example-${file.slice(0, -2)}`);
  }
});

test('a larger application: what the tests of socket.io-client want to meet', async () => {
  cpSync(join(root, 'tests/tools/clientsuite.c'), join(work, 'clientsuite.c'));
  const gateway = await start(compile(join(work, 'clientsuite.c'), 'clientsuite'));
  const socket = await connect(gateway.url);
  assert.equal(await socket.emitWithAck('echo', 'as installed'), 'as installed');
  closeAll(socket);
  await gateway.stop();
});
