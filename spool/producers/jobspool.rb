#!/usr/bin/env ruby
# frozen_string_literal: true

# Enqueues jobs for Jobspool, with the standard library alone (Ruby 2.7 or newer).
#
#   require_relative 'jobspool'
#   id = Jobspool.run_background_job('ExampleJob', 'execute', ['Sample Data'], priority: 8, delay: 60, retries: 3)
#
# usage: ruby jobspool.rb [--priority 1..10] [--delay SECONDS | --at 2026-11-22T10:15:00Z] [--retries N] [--id ID]
# usage:                  [--traceparent T] [--tracestate S] CLASS [METHOD [PARAMS-AS-JSON]]

require 'json'
require 'securerandom'
require 'time'

module Jobspool
  ID = /\A[A-Za-z0-9][A-Za-z0-9._-]{0,99}\z/.freeze
  ID_RULE = 'an id is 1 to 100 of the characters A-Z a-z 0-9 . _ - and begins with a letter or a digit'
  STAMP = '%Y%m%dT%H%M%S'

  module_function

  # Enqueues a job and returns its id. Once it returns, the job is acknowledged: not even a power cut loses it.
  #
  # +params+ is an Array of positional arguments, or a Hash passed as one argument; +priority+ 1 to 10, higher runs first; +delay+ in
  # seconds, or +at+ a Time; +retries+ the attempts after the first (nil: the method's own); +id+ one of your own; +traceparent+ and
  # +tracestate+ those of W3C Trace Context; +spool+ the folder (default: $JOBSPOOL_DIR, else ./var/spool). Raises ArgumentError for a
  # wrong argument, SystemCallError when the spool cannot be written (Errno::EEXIST: a request of that id waits already).
  def run_background_job(klass, method = 'handle', params = [], priority: 5, delay: 0, at: nil, retries: nil, id: nil,
                         traceparent: nil, tracestate: nil, spool: nil)
    check(priority, retries, params, id)
    body = { class: klass.to_s, method: method, params: params, retries: retries, traceparent: traceparent, tracestate: tracestate }
    now = Time.now.utc
    job_id = id || "#{now.strftime("#{STAMP}.%6NZ")}-#{SecureRandom.hex(3)}"
    spool ||= ENV.fetch('JOBSPOOL_DIR', '').then { |dir| dir.empty? ? './var/spool' : dir }
    publish(spool, "p#{priority}-#{run_at(now, delay, at)}-#{job_id}.json", "#{JSON.generate(body.compact)}\n", own: !id.nil?)
    job_id
  rescue JSON::GeneratorError, EncodingError => e
    raise ArgumentError, "expected class, method and params that JSON can hold: #{e.message}"
  end

  def check(priority, retries, params, id)
    raise ArgumentError, "priority: expected a whole number from 1 to 10, got #{priority.inspect}" unless priority.is_a?(Integer) && priority.between?(1, 10)
    unless retries.nil? || (retries.is_a?(Integer) && retries >= 0)
      raise ArgumentError, "retries: expected a whole number from 0 on, got #{retries.inspect}"
    end
    raise ArgumentError, "params: expected an Array or a Hash, got #{params.inspect}" unless params.is_a?(Array) || params.is_a?(Hash)
    raise ArgumentError, "id: #{ID_RULE}; got #{id.inspect}" unless id.nil? || ID.match?(id)
  end

  def run_at(now, delay, at)
    raise ArgumentError, "delay: expected a number of seconds from 0 on, got #{delay.inspect}" unless delay.is_a?(Numeric) && delay >= 0
    raise ArgumentError, 'expected a delay or a time (at), got both' if at && delay.positive?
    return 'now' if at.nil? && delay.zero?

    (at || (now + delay)).getutc.strftime("#{STAMP}.%LZ")
  end

  def publish(spool, name, text, own:)
    incoming = File.join(spool, 'incoming')
    unless File.directory?(incoming)
      raise Errno::ENOENT, "enqueue a job: expected a spool in #{spool}, found none; start the service once, or set JOBSPOOL_DIR"
    end

    draft = File.join(spool, 'tmp', "#{name}.#{SecureRandom.hex(3)}")
    is_ours = false
    begin
      write(draft, text) { is_ours = true }
      # An id of the caller's own may be there already: a rename would replace that request, a link does not.
      own ? File.link(draft, File.join(incoming, name)) : File.rename(draft, File.join(incoming, name))
    rescue SystemCallError => e
      raise e.class, "enqueue #{name} by #{draft}; nothing was enqueued"
    ensure
      File.unlink(draft) if is_ours && File.exist?(draft)
    end
    # The name itself survives a power cut once its folder is synced; Windows syncs no folders.
    sync(incoming) unless Gem.win_platform?
  end

  def write(draft, text)
    File.open(draft, File::WRONLY | File::CREAT | File::EXCL, 0o640) do |file|
      yield
      # The service may be another user of the spool's group: whatever the umask, it may read the file, and nobody but its owner may change it.
      file.chmod(0o640)
      file.write(text)
      file.fsync
    end
  end

  def sync(folder)
    File.open(folder, &:fsync)
  rescue SystemCallError => e
    raise e.class, "sync #{folder}; a power cut may lose the job still"
  end

  private_class_method :check, :run_at, :publish, :write, :sync
end

if $PROGRAM_NAME == __FILE__
  require 'optparse'
  options = {}
  parser = OptionParser.new
  whole = OptionParser::DecimalInteger
  { priority: whole, delay: Float, at: String, retries: whole, id: String, traceparent: String, tracestate: String }.each do |name, type|
    parser.on("--#{name} VALUE", type) { |value| options[name] = value }
  end
  begin
    klass, method, params = parser.order!(ARGV)
    raise ArgumentError, File.readlines(__FILE__).grep(/^# usage: /).map { |line| line[9..] }.join if klass.nil? || ARGV.size > 3
    options[:at] &&= begin
      time = Time.iso8601(options[:at])
      # Of a day that the calendar does not have Ruby makes another.
      raise ArgumentError unless [time.iso8601, time.iso8601(3)].include?(options[:at])
      time
    rescue ArgumentError
      raise ArgumentError, "at: expected a UTC time such as 2026-11-22T10:15:00Z, got #{options[:at]}"
    end
    puts Jobspool.run_background_job(klass, method || 'handle', JSON.parse(params || '[]'), **options)
  rescue ArgumentError, OptionParser::ParseError, JSON::ParserError => e
    warn e.message
    exit 2
  rescue SystemCallError => e
    abort e.message
  end
end
